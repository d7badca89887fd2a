"""What our server tells Prometheus."""

import httpx2 as httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.servers import Server, wait_until


def metric(server: Server, name: str, **labels: str) -> float:
    """The sum of all series of a metric that have these labels.

    What another worker than the one asked has counted is in it after a second: `wait_for_metric`.
    """
    families = text_string_to_metric_families(httpx.get(f"{server.url}/metrics").text)
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_for_metric(server: Server, value: float, name: str, **labels: str) -> None:
    """Fail if this sum does not come to `value`."""
    wait_until(
        lambda: metric(server, name, **labels) == value,
        f"{name} of {labels} is not {value}",
    )
