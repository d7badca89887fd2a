"""Train the model that ships, from labelled and unlabelled reviews."""
