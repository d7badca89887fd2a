"""Metrics, logs and traces. Bounded, and never with the text of a task."""
