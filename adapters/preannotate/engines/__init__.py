"""Run the parts of a bulk run: on the cores of this machine, or on a Ray cluster."""
