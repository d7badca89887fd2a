"""Keep long computations off the event loop."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

R = TypeVar("R")

# Not the threads of `asyncio.to_thread`: events wait there for the database, and predictions must
# go on when it does not answer.
_threads = ThreadPoolExecutor(4, thread_name_prefix="offload")


async def offload(function: Callable[..., R], *args: Any, inline: bool) -> R:
    """Call a function in a thread, or on the event loop if `inline` says that it is short."""
    if inline:
        return function(*args)
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, lambda: context.run(function, *args))
