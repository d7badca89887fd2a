"""Metrics, logs and traces. Bounded, and never the text of a task."""
