"""The thresholds of the benchmark of bulk pre-annotation."""

from typing import Any

import pytest

from loadtests.bench import bulk

FINE = {
    "ratio": 29.0,
    "busy": 0.79,
    "peak_bytes": {bulk.FEW_ROWS: 860_000_000, bulk.ROWS: 880_000_000},
}


@pytest.mark.parametrize(
    ("figures", "missed"),
    [
        ({}, []),
        ({"ratio": 24.9}, ["at least 25 times the rate of the tutorial's script"]),
        ({"busy": 0.5}, ["at least 70% of the processor time of all cores"]),
        (
            {"peak_bytes": {bulk.FEW_ROWS: 800_000_000, bulk.ROWS: 900_000_000}},
            ["at most 1.1 times the memory of 5,000 rows"],
        ),
        (
            {"peak_bytes": {bulk.FEW_ROWS: 1_600_000_000, bulk.ROWS: 1_600_000_000}},
            ["at most 1,500,000,000 bytes of memory"],
        ),
    ],
)
def test_each_threshold_that_is_missed_is_named(figures: dict[str, Any], missed: list[str]) -> None:
    assert list(bulk._missed(FINE | figures)) == missed
