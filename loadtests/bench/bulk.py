"""Compare `preannotate` with the tutorial's script: `make bench-bulk`.

The tutorial's script is eager and takes one text at a time, with autograd on. It is timed on a
sample of the same reviews, before and after each run of `preannotate`. A run is timed from the
start of its process to its end, and must predict or reject every row.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet
import torch
from joblib import cpu_count

from loadtests.bench import eager
from loadtests.bench.servers import ROOT
from loadtests.reviews import corpus_folder, generate_reviews
from loadtests.server import Server
from model_store.model.network import pad
from model_store.store import PRETRAINED

logger = logging.getLogger(__name__)

ROWS, FEW_ROWS = 50_000, 5_000
_SAMPLE = 300
_SAMPLE_SECONDS = 0.1
_SCRATCH = ROOT / "build/bench"
_REQUIRED_RATIO = 25
_REQUIRED_BYTES = 1_500_000_000
_REQUIRED_GROWTH = 1.1
"""Maximum ratio of peak memory with many rows to peak memory with few."""
_REQUIRED_BUSY = 0.7
"""Minimum share of the processor time of all cores; only start and end run on a single core."""


@dataclass
class Usage:
    """Time, processor time and memory of one run."""

    seconds: float = 0
    busy: float = 0
    """Processor time, as a share of the processor time that all cores have in these seconds."""
    peak_bytes: int = 0
    """Peak memory of all its processes, shared memory counted once (PSS). 0 if not sampled."""


def main() -> None:
    """Measure and print; exit with 1 if a threshold is missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: 3)")
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    texts = list(islice(_reviews(), ROWS))
    figures = _measure(texts, options.rounds)
    (_SCRATCH / "bulk.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    logger.info("%s", json.dumps(figures, indent=2))
    if missed := list(_missed(figures)):
        sys.exit("missed: " + "; ".join(missed))


def _missed(figures: Mapping[str, Any]) -> Iterator[str]:
    if figures["ratio"] < _REQUIRED_RATIO:
        yield f"at least {_REQUIRED_RATIO} times the rate of the tutorial's script"
    if figures["busy"] < _REQUIRED_BUSY:
        yield f"at least {_REQUIRED_BUSY:.0%} of the processor time of all cores"
    few, many = (figures["peak_bytes"][count] for count in (FEW_ROWS, ROWS))
    if many > _REQUIRED_BYTES:
        yield f"at most {_REQUIRED_BYTES:,} bytes of memory"
    if many > _REQUIRED_GROWTH * few:
        yield f"at most {_REQUIRED_GROWTH} times the memory of {FEW_ROWS:,} rows"


def _measure(texts: Sequence[str], rounds: int) -> dict[str, Any]:
    inputs = {count: _write(texts[:count]) for count in (FEW_ROWS, ROWS)}
    baseline, rates, ratios, busy = [], [], [], []
    before = _tutorial_rate(texts[:_SAMPLE])
    for number in range(rounds):
        logger.info("Round %d of %d ...", number + 1, rounds)
        usage = _run(inputs[ROWS], ROWS, watch=False)
        after = _tutorial_rate(texts[:_SAMPLE])
        baseline.append(mean((before, after)))
        rates.append(len(texts) / usage.seconds)
        ratios.append(rates[-1] / baseline[-1])
        busy.append(usage.busy)
        before = after
    return {
        "rows": len(texts),
        "tutorial_rows_per_second": baseline,
        "preannotate_rows_per_second": rates,
        "ratio": median(ratios),
        "busy": median(busy),
        "peak_bytes": {
            count: _run(path, count, watch=True).peak_bytes for count, path in inputs.items()
        },
    }


def _reviews() -> Iterator[str]:
    for path in sorted(corpus_folder().glob("*.parquet"), reverse=True):
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["text"]):
                yield from batch[0].to_pylist()
    yield from generate_reviews(ROWS)


def _write(texts: Sequence[str]) -> Path:
    path = _SCRATCH / f"reviews-{len(texts)}.parquet"
    pyarrow.parquet.write_table(pa.table({"review": texts}), path)
    return path


def _tutorial_rate(texts: Sequence[str]) -> float:
    """Return texts per second, with one thread or torch's default number: the faster of both."""
    classifier = eager.load(PRETRAINED)
    network = classifier.network
    rates = []
    chosen = torch.get_num_threads()
    for threads in (1, chosen):
        torch.set_num_threads(threads)
        start = time.perf_counter()
        for text in texts:
            logits = network(*pad([classifier.encode(text)], network.config.min_length))
            torch.softmax(logits / classifier.temperature, dim=1).max(dim=1)
        rates.append(len(texts) / (time.perf_counter() - start))
    return max(rates)


def _run(reviews: Path, rows: int, *, watch: bool) -> Usage:
    """Run `preannotate` and return its usage; with `watch`, sample its memory too."""
    out, summary = _SCRATCH / "bulk.jsonl", _SCRATCH / "bulk-summary.json"
    summary.unlink(missing_ok=True)
    command = [sys.executable, "-m", "adapters.preannotate", str(reviews), str(out)]
    start = time.perf_counter()
    with subprocess.Popen([*command, "--summary", str(summary), "--quiet"], cwd=ROOT) as process:
        usage = _watched(process, memory=watch)
    usage.seconds = time.perf_counter() - start
    usage.busy /= usage.seconds * cpu_count()
    done = json.loads(summary.read_bytes()) if process.returncode in (0, 1) else {}
    if not done.get("rows") == done.get("tasks", 0) + done.get("rejected", 0) == rows:
        raise RuntimeError(f"preannotate exited with {process.returncode}: {done}")
    return usage


def _watched(process: subprocess.Popen[bytes], *, memory: bool) -> Usage:
    """Wait for a process to end; return its peak memory, and its CPU seconds as `busy`."""
    peak, seconds = 0, dict[int, float]()
    server = Server("", Path(), process)
    while process.poll() is None:
        for member in server.family():
            with suppress(psutil.NoSuchProcess):
                times = member.cpu_times()
                seconds[member.pid] = times.user + times.system
        if memory:
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, server.pss())
        time.sleep(_SAMPLE_SECONDS)
    return Usage(busy=sum(seconds.values()), peak_bytes=peak)


if __name__ == "__main__":
    main()
