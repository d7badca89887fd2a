"""Write the page of the benchmark, in Markdown, from the figures of one run."""

from collections.abc import Iterable, Sequence

from loadtests.bench import in_process
from loadtests.bench.comparison import LARGE, LOADS, Load
from loadtests.bench.report import summary
from loadtests.bench.report.results import Results
from loadtests.bench.servers import PRODUCTS

_NAMES = [product.name for product in PRODUCTS]
_OTHERS = [name for name in _NAMES if name != "ours"]

_RATIOS = {
    "requests/s": "requests_per_second",
    "p50": "p50_ms",
    "p99": "p99_ms",
    "CPU time per task": "cpu_per_1000_tasks",
}


def render(results: Results) -> str:
    """Return the page; it links `benchmarks.svg` and `benchmarks.json` in the same folder."""
    products = "\n".join(f"- **{product.name}**: {product.description}" for product in PRODUCTS)
    return f"""\
# Benchmarks

Written by `make bench`; do not edit. All raw figures are in [benchmarks.json](benchmarks.json).

![Throughput, latency and processor time of the three servers](benchmarks.svg)

{products}

## Under load

{_loads(results)}

Ours divided by the others:

{_ratios(results)}

## Start, memory, a single large request

{_servers(results)}

## In process

{_in_process(results)}

{_limit(results)}

## How it was measured

{_method(results)}

{_machine(results)}
"""


def describe(load: Load) -> str:
    """Return a load in words."""
    requests = "1 task" if load.tasks == 1 else f"{load.tasks:,} tasks"
    return f"{requests}, {load.connections} connection{'s' * (load.connections > 1)}"


def number(value: float) -> str:
    """Return a figure with about three digits."""
    digits = next((digits for digits, least in enumerate((100, 10, 1)) if value >= least), 3)
    return f"{value:,.{digits}f}"


def _loads(results: Results) -> str:
    rows = []
    for load in LOADS:
        for name in _NAMES:
            reported = summary.of_load(results.comparison, name, load)
            rows.append(
                (
                    describe(load),
                    name,
                    number(reported.requests_per_second),
                    number(reported.tasks_per_second),
                    number(reported.p50_ms),
                    number(reported.p99_ms),
                    number(reported.cpu_per_1000_tasks),
                    str(reported.failures),
                )
            )
    head = (
        *("a request holds", "server", "requests/s", "tasks/s", "p50, ms", "p99, ms"),
        *("CPU seconds per 1,000 tasks", "failures"),
    )
    return table(head, rows, texts=2)


def _ratios(results: Results) -> str:
    rows = []
    for load in LOADS:
        ours = summary.of_load(results.comparison, "ours", load)
        for other in _OTHERS:
            ratio = summary.ratios(ours, summary.of_load(results.comparison, other, load))
            figures = (number(ratio[field]) for field in _RATIOS.values())
            rows.append((describe(load), f"ours / {other}", *figures))
    return table(("a request holds", "", *_RATIOS), rows, texts=2)


def _servers(results: Results) -> str:
    rows = []
    for name in _NAMES:
        reported = summary.of_server(results.comparison, name)
        rows.append(
            (
                name,
                number(reported.ready_seconds),
                number(reported.peak_mib),
                number(reported.idle_ms),
                f"{reported.same_labels:.1%}",
            )
        )
    head = (
        *("server", "ready after, s", "peak memory, MiB"),
        *(f"{LARGE:,} tasks when idle, ms", "same labels as the network"),
    )
    return table(head, rows, texts=1)


def _in_process(results: Results) -> str:
    rates = summary.of_process(results.in_process)
    eager = rates[in_process.EAGER_SINGLE].reviews_per_second
    rows = [
        (
            f"{way}, {rate.batch_size} at once" if (rate.batch_size or 1) > 1 else way,
            number(rate.reviews_per_second),
            number(rate.reviews_per_second / eager) if way != in_process.ENCODE else "",
        )
        for way, rate in rates.items()
    ]
    head = ("one thread, no server", "reviews/s", f"times “{in_process.EAGER_SINGLE}”")
    return table(head, rows, texts=1)


def _limit(results: Results) -> str:
    measured = results.in_process
    limit = summary.table_limit(measured, results.bytes_per_second)
    share = summary.share_of_limit(measured, results.bytes_per_second)
    size = measured.offsets * measured.filters * measured.itemsize
    return f"""\
One thread reads {number(results.bytes_per_second / 1e9)} GB/s of main memory. For a token the
compiled network reads {measured.offsets} rows of {measured.filters} elements of \
{measured.itemsize} bytes, {size:,} bytes in all; a review
has {measured.mean_tokens:.0f} tokens on average. If every row came from main memory, that would \
allow {number(limit)} reviews/s.
The compiled network reaches {share:.0%} of that. The caches, which are faster, hold the rows of
frequent words; sums and maxima take time, too."""


def _method(results: Results) -> str:
    plan = results.plan
    return f"""\
- Rounds: {plan.rounds}. Each round starts, checks, measures and stops one server after the other; \
only
  one runs at a time. Each load sends requests for {plan.seconds:g} s after \
{plan.warm_up_seconds:g} s of warm-up; the time until
  the last response counts, too. The tables show medians of the rounds; failures are totals.
- wrk generates the load on the same machine. Its connections stay open, and each sends its next
  request, with Label Studio's fields, after a response. A failure is a request without a response,
  or with a status other than 200. wrk corrects its percentiles for the requests that a waiting
  connection did not send. With fewer than 100 requests, the p99 is the slowest one.
- Texts: {results.texts}. All servers have the same
  weights and get the same requests in the same order.
- Before the measurement, each server must predict all of {LARGE:,} tasks. The labels are compared
  with the labels of the network in float32; the tutorial leaves dropout on.
- CPU time and memory cover all processes of a server; memory is the sum of their proportional
  shares (PSS), sampled twice a second. A server is ready at its first 200 on `/predict`, counted
  from the start of its process.
- In process: {results.in_process.texts:,} of the texts, and the fastest of several batch sizes.
- To repeat the benchmark, install wrk and run `make bench`. `CORPUS=<folder>` names the folder of
  the reviews. `.venv/bin/python -m loadtests.bench --quick` is a short trial that writes to
  `build/bench`."""


def _machine(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    rows = [
        ("date", results.date),
        ("processor", f"{machine.cpu}, {machine.cores} cores, last-level cache {machine.cache}"),
        ("memory", f"{machine.memory_bytes / 2**30:.1f} GiB"),
        ("system", machine.system),
        ("versions", versions),
    ]
    return table(("", ""), rows, texts=2)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int) -> str:
    """Return a Markdown table: the first `texts` columns align left, the others right."""
    rule = ["---" if column < texts else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
