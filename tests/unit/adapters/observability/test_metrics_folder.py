"""Servers that share a data directory do not share their numbers."""

import os
import subprocess
import sys
from pathlib import Path

from adapters.observability.metrics_folder import folder_of_this_server


def test_each_server_has_a_folder_of_its_own(tmp_path: Path) -> None:
    mine = folder_of_this_server(tmp_path)
    assert mine.name.endswith(f"-{os.getpid()}")
    assert tmp_path in mine.parents


def test_folders_of_servers_gone_are_removed_and_no_others(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = folder_of_this_server(tmp_path)
    host = mine.name.rpartition("-")[0]
    left, other = mine.with_name(f"{host}-{gone.pid}"), mine.with_name("elsewhere-1")
    for folder in (mine, left, other):
        folder.mkdir(parents=True)

    folder_of_this_server(tmp_path)

    assert mine.exists()
    assert other.exists()
    assert not left.exists()
