"""The pages at `/` for whoever runs the backend: try the model, follow projects, see the load."""
