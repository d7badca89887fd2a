"""Serve models: batching, deployments, versions, the database."""
