"""Pre-annotation in bulk beside the tutorial's script: `python -m loadtests.bench.bulk`.

The tutorial's way is eager and takes one text at a time, with autograd on. It is timed on a sample
of the same reviews, before and after each run of `preannotate`, which is timed from the start of
its process to its end.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from statistics import mean, median
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet
import torch

from loadtests.bench import eager
from loadtests.bench.servers import ROOT
from loadtests.reviews import corpus_folder, generate_reviews
from loadtests.server import Server
from model_store.network import pad
from model_store.store import PRETRAINED

logger = logging.getLogger(__name__)

ROWS, FEW_ROWS = 50_000, 5_000
_SAMPLE = 300
_SAMPLE_SECONDS = 0.5
_SCRATCH = ROOT / "build/bench"
_REQUIRED_RATIO = 25
_REQUIRED_BYTES = 1_500_000_000


def main() -> None:
    """Measure, print, and end with 1 if a threshold is missed."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench.bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is told (3)")
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    texts = list(islice(_reviews(), ROWS))
    figures = _measure(texts, options.rounds)
    (_SCRATCH / "bulk.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")
    logger.info("%s", json.dumps(figures, indent=2))
    if figures["ratio"] < _REQUIRED_RATIO or max(figures["peak_bytes"].values()) > _REQUIRED_BYTES:
        sys.exit(f"missed: {_REQUIRED_RATIO} times the rate, {_REQUIRED_BYTES:,} bytes at most")


def _measure(texts: Sequence[str], rounds: int) -> dict[str, Any]:
    inputs = {count: _write(texts[:count]) for count in (FEW_ROWS, ROWS)}
    baseline, rates, ratios = [], [], []
    before = _tutorial_rate(texts[:_SAMPLE])
    for number in range(rounds):
        logger.info("Round %d of %d ...", number + 1, rounds)
        seconds, _ = _run(inputs[ROWS], watch=False)
        after = _tutorial_rate(texts[:_SAMPLE])
        baseline.append(mean((before, after)))
        rates.append(len(texts) / seconds)
        ratios.append(rates[-1] / baseline[-1])
        before = after
    return {
        "rows": len(texts),
        "tutorial_rows_per_second": baseline,
        "preannotate_rows_per_second": rates,
        "ratio": median(ratios),
        "peak_bytes": {count: _run(path, watch=True)[1] for count, path in inputs.items()},
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
    """Texts per second: with one thread, or as many as torch takes by itself; what is faster."""
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


def _run(reviews: Path, *, watch: bool) -> tuple[float, int]:
    """Seconds that `preannotate` takes from its start to its end, and its peak of memory."""
    command = [sys.executable, "-m", "adapters.preannotate", str(reviews)]
    out = _SCRATCH / "bulk.jsonl"
    start = time.perf_counter()
    with subprocess.Popen([*command, str(out), "--quiet"], cwd=ROOT) as process:
        peak = _watched_peak(process) if watch else 0
    if process.returncode not in (0, 1):
        raise RuntimeError(f"preannotate ended with {process.returncode}")
    return time.perf_counter() - start, peak


def _watched_peak(process: subprocess.Popen[bytes]) -> int:
    """Bytes of all its processes at most; what they share counts once (PSS)."""
    peak = 0
    server = Server("", Path(), process)
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            peak = max(peak, server.pss())
        time.sleep(_SAMPLE_SECONDS)
    return peak


if __name__ == "__main__":
    main()
