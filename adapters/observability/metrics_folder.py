"""Where the workers of one server put their numbers for each other.

BentoML has one folder for all servers that share its home, and empties it at each start: the
numbers of a server that runs would be gone.
"""

import os
import shutil
import socket
from pathlib import Path

import psutil


def folder_of_this_server(data_dir: Path) -> Path:
    """The folder of the server whose first process this is; removes those of servers gone."""
    folder = data_dir.absolute() / "metrics"
    host = socket.gethostname()
    for old in folder.glob(f"{host}-*"):
        pid = old.name.removeprefix(f"{host}-")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(old, ignore_errors=True)
    return folder / f"{host}-{os.getpid()}"
