"""What a server needs around a model: batching, deployments, versions, the database."""
