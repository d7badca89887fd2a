"""How a command ends, for scripts."""

DONE, SOME_REJECTED, COULD_NOT_RUN = 0, 1, 2
