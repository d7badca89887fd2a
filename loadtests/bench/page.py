"""The page of the benchmark, in Markdown: all of it is made from the figures of one run."""

from collections.abc import Iterable, Sequence

from loadtests.bench import in_process, summary
from loadtests.bench.comparison import LARGE, LOADS, Load
from loadtests.bench.results import Results
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
    """The page; it lies beside the plot `benchmarks.svg` and the raw figures `benchmarks.json`."""
    products = "\n".join(f"- **{product.name}**: {product.description}" for product in PRODUCTS)
    return f"""\
# Benchmarks

Written by `make bench` from what it has measured; do not edit. All raw figures are in
[benchmarks.json](benchmarks.json).

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
    """A load in words."""
    requests = "1 task" if load.tasks == 1 else f"{load.tasks:,} tasks"
    return f"{requests}, {load.connections} connection{'s' * (load.connections > 1)}"


def number(value: float) -> str:
    """A figure with about three digits."""
    digits = next((digits for digits, least in enumerate((100, 10, 1)) if value >= least), 3)
    return f"{value:,.{digits}f}"


def _loads(results: Results) -> str:
    rows = []
    for load in LOADS:
        for name in _NAMES:
            told = summary.of_load(results.comparison, name, load)
            rows.append(
                (
                    describe(load),
                    name,
                    number(told.requests_per_second),
                    number(told.tasks_per_second),
                    number(told.p50_ms),
                    number(told.p99_ms),
                    number(told.cpu_per_1000_tasks),
                    str(told.failures),
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
        told = summary.of_server(results.comparison, name)
        rows.append(
            (
                name,
                number(told.ready_seconds),
                number(told.peak_mib),
                number(told.idle_ms),
                f"{told.same_labels:.1%}",
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
The compiled network reaches {share:.0%} of that. Rows of frequent words come from the caches, which
are faster than the memory; sums and maxima take their time, too."""


def _method(results: Results) -> str:
    plan = results.plan
    return f"""\
- Rounds: {plan.rounds}. In each, one server after the other is started, checked, measured and \
stopped: no
  two run at once. Each load lasts {plan.seconds:g} s after {plan.warm_up_seconds:g} s of \
warm-up; then no request is sent any more, and
  the time until the last answer counts, too. Told is the median of the rounds; failures are the
  sum.
- The load comes from wrk, on the machine of the servers: connections that stay open and each send
  the next request, with Label Studio's fields, upon an answer. A failure is a request without an
  answer, or with another status than 200. Percentiles are wrk's: for a connection that is kept
  waiting they also count the requests that it would have sent in that time. Of fewer than 100
  requests the p99 is the slowest.
- Texts: {results.texts}. All servers get the same requests in the same order, and
  have the same weights.
- Before a server is measured, its answer to {LARGE:,} tasks must hold a prediction for each. Their
  labels are compared with those of the network in float32; the tutorial leaves dropout on.
- CPU time and memory are those of all processes of a server; memory is the sum of their
  proportional shares (PSS), sampled twice a second. “Ready” is the first 200 on `/predict`, counted
  from the start of the process.
- In process: {results.in_process.texts:,} of the texts; of the batched ways, the fastest of \
several batch sizes.
- To repeat it: install wrk, then `make bench`. With `CORPUS=<folder>` the reviews are read from
  there. `.venv/bin/python -m loadtests.bench --quick` is a trial that writes elsewhere."""


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
    """A table whose first `texts` columns are aligned to the left, the others to the right."""
    rule = ["---" if column < texts else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
