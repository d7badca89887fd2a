"""Replace attributes of foreign packages; each replacement names the fault that it corrects.

There are six, and no public setting can replace them. `tests/unit/adapters/server/test_patches.py`
fails when the foreign code changes: then review each of them.

1. circus, `CircusSocket.listen`: the parent listens before a worker can answer. In a load test from
   the first moment the slowest `/health` took 4.0 s, and 0.45 s with the patch (decision 5). A port
   in use ends the parent with a traceback: `bind` ends it with a sentence.
2. circus, `Arbiter._stop_watchers`: the parent holds the port open until the last worker has ended.
   Connections that it takes are never answered (decision 13).
3. uvicorn, `Server.shutdown`: it closes connections that the kernel has accepted and whose request
   was not read. With 30 clients on one worker requests were lost at every stop (decision 13).
4. BentoML, the layers that it puts around this project's middleware. `TimeoutMiddleware` starts a
   timer for each request and never ends it, so that some objects of each stay for 100 s. Collecting
   garbage among them took up to 0.15 s, and the 99th percentile of single tasks was above 100 ms
   instead of 5 ms (decision 8); the schema of `traffic.timeout` allows no value that leaves it out.
   OpenTelemetry's middleware builds the URL of each request to look up that it is excluded, and
   Starlette's `ServerErrorMiddleware` answers errors as uvicorn does: together they took a tenth of
   the processor time of a small request (docs/performance.md).
5. uvicorn, the protocol that it chooses: it bounds neither the head of a request nor the time for
   it. A head of 150 MB held a worker for 35 s, and clients without a request held all file
   descriptors. BentoML passes no setting on that chooses another protocol (`http_protocol.py`).
6. circus, `Watcher.notify_event`: the parent replaces a dead worker without a word. Workers that a
   full disk killed one after the other left no line in the log.
"""

import asyncio
import errno
import logging
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from circus.arbiter import Arbiter
from circus.sockets import CircusSocket
from circus.watcher import Watcher
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from adapters.server.http_protocol import raise_descriptor_limit

logger = logging.getLogger(__name__)

REMOVED = (ServerErrorMiddleware, TimeoutMiddleware)
"""Layers that `requests.RequestMiddleware` or uvicorn replaces."""

DRAIN_SECONDS = 8.0
"""Time after the order to stop within which accepted requests are answered, maybe in part."""

_GIVE_UP_SECONDS = 2.0
"""Time after the drain until the rest is cancelled, such as uploads that have stalled."""
_GRACE_SECONDS = 0.3
"""Grace period for a newly accepted client to send its request."""
_POLL_SECONDS = 0.005

_CAUSES = {
    signal.SIGKILL: "out of memory? The log of the kernel says so",
    signal.SIGBUS: "is a disk full or damaged?",
}
"""What usually sends a signal to a worker."""


def open_port_when_ready() -> None:
    """Let workers listen on the port as they become ready, instead of the parent at the start.

    The parent binds the port only. While the server starts, connections are refused at once.
    """
    CircusSocket.listen = _bind_only
    CircusSocket.bind = _bind_or_exit


def close_port_at_stop(drain: Callable[[float], None]) -> None:
    """Answer what was accepted before the order to stop; refuse later connections at once.

    Each worker calls `drain` with the seconds within which it must answer its requests.
    """
    _close_in_parent_first()
    _drain_before_shutdown(drain)


def remove_layers_around(inner: ASGIApp, app: Starlette, *, traces: bool) -> None:
    """Remove layers of an app's middleware stack that `inner`, one of its layers, replaces.

    OpenTelemetry's stays if `traces`. `app` must have built its stack.
    """
    unwanted = REMOVED if traces else (*REMOVED, OpenTelemetryMiddleware)
    layer: Any = app.middleware_stack
    kept = []
    while layer is not inner:
        if not isinstance(layer, unwanted):
            kept.append(layer)
        layer = layer.app
    for outer in reversed(kept):
        outer.app = inner
        inner = outer
    app.middleware_stack = inner


def bound_connections() -> None:
    """Make workers use `http_protocol.BoundedProtocol`, with all file descriptors they can have."""
    raise_descriptor_limit()
    uvicorn.config.HTTP_PROTOCOLS["auto"] = "adapters.server.http_protocol:BoundedProtocol"


def log_ended_workers() -> None:
    """Make the parent log the exit status of each worker that ends while the server runs."""
    notify_event = Watcher.notify_event

    def notify(watcher: Watcher, topic: str, message: dict[str, Any]) -> None:
        if topic == "reap" and not (watcher.is_stopping() or watcher.is_stopped()):
            logger.warning(
                "Worker process %d ended: %s.",
                message["process_pid"],
                _reason(message["exit_code"]),
            )
        notify_event(watcher, topic, message)

    Watcher.notify_event = notify


def _reason(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit status {exit_code}"
    number = signal.Signals(-exit_code)
    cause = _CAUSES.get(number)
    return f"killed by {number.name}" + (f" ({cause})" if cause else "")


def _bind_only(_socket: CircusSocket, _backlog: int) -> None:
    """Replace `listen` in the parent: do nothing."""


def _bind_or_exit(unbound: CircusSocket, address: Any) -> None:
    """Replace `bind` in the parent: exit with a sentence if the port cannot be had."""
    try:
        socket.socket.bind(unbound, address)
    except OSError as error:
        advice = {
            errno.EADDRINUSE: "end the server that uses it, or choose another port",
            errno.EACCES: "choose a port above 1023",
        }.get(error.errno or 0, "choose another host or port")
        sys.exit(f"Cannot listen on {unbound.location}: {error.strerror}. Solution: {advice}.")


def _close_in_parent_first() -> None:
    """Make the parent close the port before it stops the workers."""
    stop_watchers = Arbiter._stop_watchers  # noqa: SLF001 (there is no hook)

    def stop(arbiter: Arbiter, *arguments: Any, **options: Any) -> Any:
        if arbiter._stopping:  # noqa: SLF001 (a restart calls this method, too)
            arbiter.sockets.close_all()
        return stop_watchers(arbiter, *arguments, **options)

    Arbiter._stop_watchers = stop  # noqa: SLF001


def _drain_before_shutdown(drain: Callable[[float], None]) -> None:
    """Make a worker accept the connections that wait at the port before it closes the port."""
    shutdown_server = uvicorn.Server.shutdown

    async def shutdown(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        drain(DRAIN_SECONDS)
        await _until_none_waits(sockets or ())
        for listening in server.servers:
            listening.close()
        await asyncio.sleep(_GRACE_SECONDS)
        if server.config.timeout_graceful_shutdown is None:
            server.config.timeout_graceful_shutdown = int(DRAIN_SECONDS + _GIVE_UP_SECONDS)
        await shutdown_server(server, sockets)

    setattr(uvicorn.Server, "shutdown", shutdown)


async def _until_none_waits(sockets: Iterable[socket.socket]) -> None:
    """Return when all connections are accepted; after the grace period if new ones keep coming."""
    waiting = select.poll()
    for listening in sockets:
        waiting.register(listening, select.POLLIN)
    for _ in range(int(_GRACE_SECONDS / _POLL_SECONDS)):
        if not waiting.poll(0):
            return
        await asyncio.sleep(_POLL_SECONDS)
