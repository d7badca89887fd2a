"""Keep long computations off the event loop."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")


async def offload(function: Callable[..., R], *args: Any, inline: bool) -> R:
    """Call a function in a thread, or on the event loop if `inline` says that it is short."""
    return function(*args) if inline else await asyncio.to_thread(function, *args)
