"""The Makefile adds PyTorch's index of CPU builds only on machines that need it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPU = ["https://download.pytorch.org/whl/cpu"]
CUDA = ["https://download.pytorch.org/whl/cu130"]
LINUX = {"SYSTEM": "Linux", "NVIDIA": ""}


def dry_run(
    verb: str, tmp_path: Path, variables: dict[str, str], environment: dict[str, str] | None = None
) -> str:
    """Return what `make` would do from a fresh clone, where pip has no configuration."""
    done = subprocess.run(
        [
            *("make", "-n", "-C", str(ROOT), verb),
            *(f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}"),
            *(f"{name}={value}" for name, value in variables.items()),
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": os.devnull,
            **(environment or {}),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def indexes(printed: str) -> list[str]:
    return re.findall(r"--extra-index-url (\S+)", printed)


def test_linux_without_an_nvidia_driver_takes_the_cpu_build(tmp_path: Path) -> None:
    assert indexes(dry_run("serve", tmp_path, LINUX)) == CPU


@pytest.mark.parametrize("variables", [{"NVIDIA": "/proc/driver/nvidia"}, {"SYSTEM": "Darwin"}])
def test_other_machines_take_the_build_of_their_index(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    assert indexes(dry_run("serve", tmp_path, LINUX | variables)) == []


def test_nvidia_smi_on_the_path_counts_as_a_driver(tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert indexes(dry_run("serve", tmp_path, {"SYSTEM": "Linux"}, path)) == []


@pytest.mark.parametrize(
    "name", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"]
)
def test_pip_is_not_changed_if_its_environment_names_a_source(tmp_path: Path, name: str) -> None:
    assert indexes(dry_run("serve", tmp_path, LINUX, {name: "1"})) == []


@pytest.mark.parametrize("option", ["index-url", "extra-index-url", "find-links"])
@pytest.mark.parametrize("section", ["global", "install"])
def test_pip_is_not_changed_if_its_file_names_a_source(
    tmp_path: Path, section: str, option: str
) -> None:
    path = tmp_path / "pip.conf"
    path.write_text(f"[{section}]\n{option} = https://example.org/simple\n", encoding="utf-8")
    assert indexes(dry_run("serve", tmp_path, LINUX, {"PIP_CONFIG_FILE": str(path)})) == []


def test_other_settings_of_pip_do_not_count_as_sources(tmp_path: Path) -> None:
    path = tmp_path / "pip.conf"
    path.write_text("[global]\ntimeout = 60\n", encoding="utf-8")
    assert indexes(dry_run("serve", tmp_path, LINUX, {"PIP_CONFIG_FILE": str(path)})) == CPU


@pytest.mark.parametrize(("build", "expected"), [("cu130", CUDA), ("cpu", CPU), ("", [])])
@pytest.mark.parametrize("environment", [{}, {"PIP_FIND_LINKS": "/srv/wheels"}])
def test_torch_chooses_a_build_everywhere(
    tmp_path: Path, build: str, expected: list[str], environment: dict[str, str]
) -> None:
    printed = dry_run("serve", tmp_path, LINUX | {"TORCH": build}, environment)
    assert indexes(printed) == expected


@pytest.mark.parametrize(
    ("variables", "argument"),
    [({}, "TORCH=cpu"), ({"TORCH": "cu130"}, "TORCH=cu130"), ({"TORCH": ""}, "TORCH=")],
)
def test_torch_of_an_image_changes_nothing_on_this_machine(
    tmp_path: Path, variables: dict[str, str], argument: str
) -> None:
    printed = dry_run("image", tmp_path, LINUX | variables)
    assert re.findall(r"build-arg=(\S+)", printed) == [argument]
    assert indexes(printed) == CPU
