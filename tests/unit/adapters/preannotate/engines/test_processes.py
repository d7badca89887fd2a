"""Ctrl-C while processes start: which process receives it, and when."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapters.preannotate.engines.processes import interrupts_held_back

ROOT = Path(__file__).parents[5]


@pytest.mark.parametrize("is_main", [True, False])
def test_an_interrupt_is_delivered_after_the_block_in_any_thread(is_main: bool) -> None:
    reached = []

    def work() -> None:
        with interrupts_held_back():
            if is_main:
                signal.raise_signal(signal.SIGINT)
            else:
                other = threading.Thread(target=interrupt_this_thread)
                other.start()
                other.join()
            reached.append("the end of the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached


def interrupt_this_thread() -> None:
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {signal.SIGINT}
    )  # like a thread older than the block
    signal.raise_signal(signal.SIGINT)


def test_a_process_started_in_the_block_ignores_interrupts() -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('on')"
    with interrupts_held_back():
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_the_fork_server_ignores_interrupts_from_its_first_import() -> None:
    code = """if True:
        import signal, subprocess
        from multiprocessing import util
        from adapters.preannotate.engines import processes

        masks = []
        start = util.spawnv_passfds
        def started(*arguments):
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
            return start(*arguments)
        util.spawnv_passfds = started
        processes.start_early()
        print(len(masks), all(signal.SIGINT in mask for mask in masks))
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "2 True\n"
