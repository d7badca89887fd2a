"""Running wrk and reading its figures."""

import pytest

from loadtests.bench import wrk

OUTPUT = """\
Running 1m test @ http://127.0.0.1:9090/predict
  1 threads and 16 connections
  1743 requests in 5.01s, 1.02MB read
Requests/sec:    348.02
{"requests": 1743, "failures": 2, "seconds": 5.0082, "p50_ms": 43.208, "p99_ms": 110.992}
"""


def test_the_figures_come_from_the_script_not_from_wrk() -> None:
    assert wrk.parse(OUTPUT) == wrk.Figures(
        requests=1743, failures=2, seconds=5.0082, p50_ms=43.208, p99_ms=110.992
    )


def test_without_wrk_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(wrk.MissingError, match="apt-get install wrk"):
        wrk.find()
