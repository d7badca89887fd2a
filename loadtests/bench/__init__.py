"""The benchmark: this server beside the tutorial's and beside LitServe, in one run."""
