"""Run the benchmark and write its page, its plot and its figures."""

import argparse
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from loadtests.bench import bandwidth, comparison, eager, in_process, machine, servers, wrk
from loadtests.bench.report import page, plot
from loadtests.bench.report.headline import headline
from loadtests.bench.report.results import Results
from loadtests.reviews import corpus_folder, has_reviews
from loadtests.thresholds import judge, read_limits
from model_store.store import PRETRAINED

logger = logging.getLogger(__name__)

_SCRATCH = servers.ROOT / "build/bench"
_FULL = comparison.Plan(rounds=3, seconds=6, warm_up_seconds=1)
_QUICK = comparison.Plan(rounds=1, seconds=1, warm_up_seconds=0.5)
_BATCH_SIZE = 16
_IN_PROCESS_TEXTS = 500


def main() -> None:
    """Measure and write; exit with 1 on an error or a missed threshold."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a short trial with noisy figures")
    parser.add_argument(
        "--out", type=Path, help="output folder (default: docs; with --quick: build/bench)"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # also stops the server
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    plan = _QUICK if options.quick else _FULL
    out = options.out or (_SCRATCH if options.quick else servers.ROOT / "docs")
    try:
        results = _measure(plan)
    except (wrk.MissingError, RuntimeError) as error:
        sys.exit(str(error))
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmarks.json").write_text(results.to_json(), encoding="utf-8")
    (out / "benchmarks.md").write_text(page.render(results), encoding="utf-8")
    plot.draw(results, out / "benchmarks.svg")
    logger.info("Written: benchmarks.md, benchmarks.svg and benchmarks.json in %s", out)
    reported = headline(results)
    if misses := judge(reported, read_limits()[reported.scenario]):
        sys.exit("\n".join(map(str, misses)))


def _measure(plan: comparison.Plan) -> Results:
    described = machine.describe()  # first: it fails if wrk is not installed
    _SCRATCH.mkdir(parents=True, exist_ok=True)
    texts = comparison.large_texts()
    network = eager.load(PRETRAINED)
    sequences = [network.encode(text) for text in texts]
    labels = [label for label, _ in network.classify_encoded(sequences, batch_size=_BATCH_SIZE)]
    return Results(
        date=datetime.now(UTC).date().isoformat(),
        texts=_describe_texts(),
        machine=described,
        plan=plan,
        bytes_per_second=bandwidth.measure(),
        in_process=in_process.measure(texts[:_IN_PROCESS_TEXTS], rounds=plan.rounds),
        comparison=comparison.compare(plan, labels, _SCRATCH),
    )


def _describe_texts() -> str:
    if has_reviews(corpus_folder()):
        return "reviews of the IMDB corpus"
    return "generated, with the lengths of the IMDB corpus' reviews"


if __name__ == "__main__":
    main()
