"""A minimal server as a lower bound: read the body, parse it, send a fixed response."""

import orjson
from starlette.types import Receive, Scope, Send

_ANSWER = orjson.dumps({"results": []})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Parse the body of any request and respond with JSON."""
    if scope["type"] != "http":
        return
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})
