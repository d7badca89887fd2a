"""Heads from a project's annotations: fitting, evaluation and the promotion gate."""
