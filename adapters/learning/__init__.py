"""The learning loop: examples from annotations, training jobs, and who runs them."""
