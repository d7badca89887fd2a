"""Log what happens again and again once a minute."""

import time

_SECONDS = 60.0


class Seldom:
    """Remembers when each of a few things was logged last."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    def is_due(self, name: str = "") -> bool:
        """Return whether this was not logged for a minute; then it counts as logged now."""
        now = time.monotonic()
        if now - self._logged.get(name, -_SECONDS) < _SECONDS:
            return False
        self._logged[name] = now
        return True
