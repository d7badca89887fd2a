"""Learn heads from the annotations of a project: fitting, evaluation, the promotion gate."""
