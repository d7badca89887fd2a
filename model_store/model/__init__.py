"""From text to probabilities: tokenizer, network, heads, classifier."""
