"""Connection recycling, so that kept connections spread over the workers.

The workers accept from one socket, and whichever is idle does, so new connections go where there
is time for them. A kept connection stays with its worker, and one worker can have accepted all.
"""

import random

_REQUEST_BYTES = 1000
"""Added to the size of each request: the shortest one takes a worker's time, too."""


class Recycling:
    """Decide which responses close their connection: the larger the request, the more likely.

    A connection lasts for about `bytes_per_connection`, against which opening a new one costs
    nothing.
    """

    def __init__(self, bytes_per_connection: int) -> None:
        self._bytes_per_connection = bytes_per_connection

    def closes(self, request_bytes: int) -> bool:
        """Return whether the response to a request of this size closes its connection."""
        size = _REQUEST_BYTES + request_bytes
        return random.random() * self._bytes_per_connection < size  # noqa: S311 (no secret)
