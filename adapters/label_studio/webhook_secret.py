"""Check the secret that Label Studio's webhook sends with each event.

*Start Training* comes from Label Studio's ML connection, which sends no headers of the webhook.
It carries no annotations, so it needs no secret.
"""

import logging
import secrets

from starlette.requests import Request

logger = logging.getLogger(__name__)

HEADER = "X-Webhook-Secret"
REFUSAL = (
    f"This event does not have the server's secret: give the webhook in Label Studio the header "
    f"{HEADER} with the value of SENTIMENT_WEBHOOK_SECRET."
)


class WebhookSecret:
    """The secret of a server; None admits every event."""

    def __init__(self, secret: str | None = None) -> None:
        self._expected = secret.encode() if secret else None
        self._is_reported = False

    def admits(self, request: Request) -> bool:
        """Return whether an event may change what the server knows; log the first refusal."""
        if self._expected is None:
            return True
        # Starlette decodes headers as Latin-1, clients encode them as that or as UTF-8.
        given = request.headers.get(HEADER, "").encode("latin-1")
        admits = secrets.compare_digest(given, self._expected)
        if not admits and not self._is_reported:
            logger.warning("Events are refused: %s", REFUSAL)
        self._is_reported = not admits
        return admits
