"""Annotate the inputs of a run: on the cores of this machine, or on a Ray cluster."""
