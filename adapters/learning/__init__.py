"""The learning loop: store annotations, queue training jobs, run them."""
