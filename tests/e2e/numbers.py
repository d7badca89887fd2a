"""The metrics of our server."""

import httpx2 as httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.servers import Server, wait_until


def metric(server: Server, name: str, **labels: str) -> float:
    """Return the sum of all series of a metric with these labels.

    Workers publish their counts once a second: `wait_for_metric` waits for them.
    """
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_for_metric(server: Server, value: float, name: str, **labels: str) -> None:
    """Wait until this sum is `value`; fail after a time limit."""
    wait_until(
        lambda: metric(server, name, **labels) == value,
        f"{name} of {labels} is not {value}",
    )
