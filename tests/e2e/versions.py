"""Versions of a project on real servers, and callers that record which version answers."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2 as httpx

from model_store import artifact
from model_store.model.classifier import Classifier
from model_store.store import PRETRAINED
from tests.e2e.servers import ROOT, Server, wait_until

PROJECT = "7.1795453317"
CONNECTIONS = 50
TASKS = 20
SECONDS = 2.0
"""Longest time until all workers serve a new version."""


def model_store(
    server: Server,
    *arguments: str,
    check: bool = True,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Run `python -m model_store` on the data of the server and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", "model_store", *arguments],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith(("SENTIMENT_", "BENTOML_"))},
            "SENTIMENT_DATA_DIR": str(server.data),
            "BENTOML_DO_NOT_TRACK": "True",
            "HOME": str(server.home),
            **(settings or {}),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def make_versions(
    server: Server, directory: Path, settings: Mapping[str, str] | None = None
) -> list[str]:
    """Import two versions for the project: the shipped model at two temperatures."""
    shipped = artifact.load(PRETRAINED, device="cpu")
    tags = []
    for index, temperature in enumerate((1.0, 2.0)):
        folder = directory / f"version-{index}"
        head = replace(shipped.head, temperature=temperature)
        artifact.save(
            folder,
            Classifier(shipped.encoder, shipped.head, {"sentiment": head}),
            training={"project": PROJECT, "created": f"2026-01-0{index + 1}", "examples": {}},
            metrics={"refused": ["it was made up"]} if index else {},
        )
        tags.append(model_store(server, "import", str(folder), settings=settings).strip())
    return tags


def setup_version(server: Server, project: str = PROJECT) -> Any:
    """Return the version that the server reports to Label Studio."""
    return httpx.post(f"{server.url}/setup", json={"project": project}).json()["model_version"]


@dataclass
class Callers:
    """The answers to all clients: time of request, time of answer, version."""

    answers: list[tuple[float, float, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def changes(self) -> list[str]:
        """Return the versions in the order in which they appeared.

        A request that begins after a caller got an answer by a new version must get the new
        version too; an answer by the old one counts as one more change.
        """
        answers = sorted(self.answers, key=lambda answer: answer[1])
        changed = 0.0
        serving = [answers[0][2]]
        for asked, answered, name in answers:
            if name != serving[-1] and asked > changed:
                serving.append(name)
                changed = answered
        return serving


@contextmanager
def calling(servers: Sequence[Server], interface: str) -> Iterator[Callers]:
    """Call these servers from many threads until the end of the block.

    The block begins when there are answers by the version that is active before it.
    """
    callers, ended = Callers(), threading.Event()
    tasks = [{"id": n, "data": {"review": f"A good film, number {n}."}} for n in range(TASKS)]
    body = {"tasks": tasks, "project": PROJECT, "label_config": interface}

    def call(server: Server) -> None:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while not ended.is_set():
                asked = time.monotonic()
                try:
                    answer = client.post("/predict", json=body)
                except httpx.TransportError as error:
                    callers.problems.append(repr(error))
                    continue
                if answer.status_code != httpx.codes.OK:
                    callers.problems.append(f"status {answer.status_code}")
                    continue
                names = {result["model_version"] for result in answer.json()["results"]}
                if len(names) != 1:
                    callers.problems.append(f"mixed: {sorted(names)}")
                    continue
                callers.answers.append((asked, time.monotonic(), names.pop()))

    threads = [
        threading.Thread(target=call, args=(servers[number % len(servers)],))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(callers.answers) >= CONNECTIONS, "no answers")
        yield callers
    finally:
        ended.set()
        for thread in threads:
            thread.join()
