"""Annotators who open tasks, as Label Studio does it: each call on a connection of its own.

The run fails with the first failed request, or a `/health` that takes over a second.

    locust -f loadtests/locustfile.py --headless -u 100 -r 100 -t 30s -H http://127.0.0.1:9090
"""

import csv
import random
from pathlib import Path
from typing import Any, ClassVar

from locust import FastHttpUser, constant, events, task
from locust.env import Environment

EXAMPLES = Path(__file__).parents[1] / "examples"
CONFIG = (EXAMPLES / "labeling_interface.xml").read_text(encoding="utf-8")
with (EXAMPLES / "reviews.csv").open(encoding="utf-8", newline="") as file:
    REVIEWS = [row["review"] for row in csv.DictReader(file)]

MAX_HEALTH_MS = 1000


class Annotator(FastHttpUser):
    """Opens one task after the other, without a pause."""

    wait_time = constant(0)
    default_headers: ClassVar = {"Connection": "close"}

    @task
    def open_task(self) -> None:
        """What Label Studio asks when a task is opened."""
        self.client.get("/health")
        self.client.post("/setup", json={"project": "1.0", "schema": CONFIG})
        body = {"tasks": [self._task()], "project": "1.0", "label_config": CONFIG}
        with self.client.post("/predict", json=body, catch_response=True) as answer:
            if not answer.ok or not answer.json()["results"][0]:
                answer.failure(f"no prediction (status {answer.status_code})")

    def _task(self) -> dict[str, Any]:
        # A few examples one after the other are as long as the reviews that people write.
        review = " ".join(random.choices(REVIEWS, k=random.randint(2, 14)))
        return {"id": random.randrange(10**6), "data": {"review": review}}


@events.quitting.add_listener
def _judge(environment: Environment, **_: Any) -> None:
    stats = environment.stats
    slowest = stats.get("/health", "GET").max_response_time or 0
    if stats.total.num_failures or not stats.total.num_requests or slowest > MAX_HEALTH_MS:
        environment.process_exit_code = 1
