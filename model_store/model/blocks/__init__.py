"""Feature blocks: what a head may see of a text besides the features of the encoder."""
