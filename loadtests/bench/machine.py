"""Describe the machine of the benchmark, without its name, user or folders."""

import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

from loadtests.bench import wrk

_PACKAGES = ("torch", "bentoml", "litserve", "flask", "gunicorn")


@dataclass(frozen=True)
class Machine:
    """Hardware and software."""

    cpu: str
    cores: int
    """The cores that this process may use."""
    memory_bytes: int
    cache: str
    """The size of the last-level cache."""
    system: str
    versions: dict[str, str]


def describe() -> Machine:
    """Describe the machine; a value that cannot be read is `unknown`. Raises MissingError."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        cache=_last_level_cache(),
        system=_system(),
        versions={
            "this project": _revision(),
            "Python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
            "wrk": _wrk_version(),
        },
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"


def _system() -> str:
    kernel, _, _ = platform.release().partition("-")  # after it, names that builders give
    return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {kernel}"


def _last_level_cache() -> str:
    with suppress(OSError):
        *_, last = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
        return last.read_text(encoding="utf-8").strip()
    return "unknown"


def _revision() -> str:
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        return run.stdout.strip()
    return "unknown"


def _wrk_version() -> str:
    # It prints its version and exits with 1.
    run = subprocess.run([wrk.find(), "--version"], check=False, capture_output=True, text=True)
    return run.stdout.split()[1]
