"""Train the shipped model on labelled and unlabelled reviews."""
