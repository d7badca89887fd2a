"""Order the label stream by a new version, as `preannotate active --do` does."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from adapters.learning.supervisor import python_path

logger = logging.getLogger(__name__)


class Refresher:
    """Runs the command for one project after the other, each in a process at low priority.

    data_dir: the data directory of the server.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._turn = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """The last run of each project."""

    def refresh(self, project: str) -> None:
        """Refresh a project soon, unless a run for it waits already."""
        running = self._tasks.get(project)
        if running is None or running.done():
            self._tasks[project] = asyncio.create_task(self._run(project))

    async def stop(self) -> None:
        """End the running process; the next refresh continues its work."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _run(self, project: str) -> None:
        number = project.partition(".")[0]
        async with self._turn:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "adapters.preannotate", "active", number, "--do"),
                *("--quiet", "--data-dir", str(self._data_dir)),
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path()},
                stderr=asyncio.subprocess.PIPE,
                preexec_fn=_yield_to_others,
                start_new_session=True,
            )
            try:
                _, errors = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            logger.warning(
                "Project %s: the label stream keeps its order: %s",
                project,
                errors.decode(errors="replace").strip(),
            )
        else:
            logger.info("Project %s: the label stream has the order of the new version", project)


def _yield_to_others() -> None:
    os.nice(19)
