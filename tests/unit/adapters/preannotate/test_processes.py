"""Ctrl-C: who hears of it, and when."""

import os
import signal
import subprocess
import sys

import pytest

from adapters.preannotate.processes import interrupts_held_back


def test_an_interrupt_that_is_held_back_is_not_lost() -> None:
    reached = []

    def work() -> None:
        with interrupts_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end of the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached


def test_a_process_that_is_started_meanwhile_is_deaf_to_it() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('on')"
    with interrupts_held_back():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (0, "on\n")
