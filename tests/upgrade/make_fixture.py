"""Make the fixtures of the upgrade tests with the real server of an older release.

    python -m tests.upgrade.make_fixture CHECKOUT OUT

CHECKOUT is a folder with the files of the release; its server and its command line run with this
Python. OUT gets `data.tar.xz`, a data directory, and `postgresql.sql`, the same rows as PostgreSQL
dumps them. Talks to the release over HTTP and its command line only, so that it works with any.
"""

import argparse
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import torch
from sqlalchemy import MetaData, create_engine, insert, select, text

from tests.e2e.servers import Server, run_backend, wait_until
from tests.postgres import find_postgres, run_postgres
from tests.tutorial_files import vocabulary_pickle, write_archive

CREATED = "2026-11-23T17:01:57.597054Z"
HOST = "annotation-server"
"""Replaces the name of the machine that the fixture was made on."""

GOOD = ("good", "fine", "lovely", "clever", "warm", "funny")
BAD = ("bad", "dull", "silly", "cold", "weak", "loud")
SUBJECTS = ("plot", "music", "ending", "cast", "pace", "camera", "sound", "script", "hero", "joke")
FILLERS = ("the", "was", "is", "and", "film", ".", "not", "really")

SENTIMENT = (
    '<View><Text name="text" value="$review"/><Choices name="{name}" toName="text">'
    '<Choice value="{good}"/><Choice value="{bad}"/></Choices></View>'
)
CONFIGS = {
    7: SENTIMENT.format(name="verdict", good="Praise", bad="Complaint"),
    8: SENTIMENT.format(name="sentiment", good="Positive", bad="Negative"),
    9: SENTIMENT.format(name="verdict", good="Praise", bad="Complaint"),
    10: '<View><Text name="text" value="$review"/><TextArea name="note" toName="text"/></View>',
    11: SENTIMENT.format(name="sentiment", good="Positive", bad="Negative"),
}
CHOICES = dict.fromkeys((7, 9), ("Praise", "Complaint"))
CHOICES |= dict.fromkeys((8, 10, 11), ("Positive", "Negative"))


def main() -> None:
    """Parse the command line and make both fixtures."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.make_fixture")
    parser.add_argument("checkout", type=Path, help="folder with the files of the release")
    parser.add_argument("out", type=Path, help="folder to write into")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        release = Release(options.checkout.resolve(), folder)
        release.run()
        anonymize(release.data / "sentiment.db")
        pack(release.data, options.out / "data.tar.xz")
        (options.out / "postgresql.sql").write_text(release.dump(), encoding="utf-8")


class Release:
    """Run the server and the command line of a release as a team would use them."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self._checkout = checkout
        self._folder = folder
        self.data = folder / "data"

    def run(self) -> None:
        """Fill the data directory; kill the server while it works."""
        (self.data / "bentoml").mkdir(parents=True)
        model = self._import_model()
        settings = {
            "PYTHONPATH": str(self._checkout),
            "SENTIMENT_MODEL": model,
            "SENTIMENT_WORKERS": "1",
        }
        with run_backend(self._folder, settings, cwd=self._checkout) as server:
            label_studio = LabelStudio(server)
            label_studio.annotate(7, range(1, 81))
            label_studio.skip(7, 81)
            label_studio.annotate(7, (82, 83))
            label_studio.change(7, 82)
            label_studio.delete_annotation(7, 83)
            label_studio.annotate(7, (84,))
            label_studio.delete_task(7, 84)
            label_studio.annotate(8, range(101, 181))
            label_studio.annotate(9, range(201, 204))
            label_studio.annotate(10, (301,))
            first = label_studio.train(7)
            assert first["state"] == "promoted", first
            label_studio.annotate(7, range(85, 121))
            second = label_studio.train(7)
            assert second["state"] == "promoted", second
            for project, state in ((8, "refused"), (9, "too few annotations"), (10, "failed")):
                job = label_studio.train(project)
                assert job["state"] == state, job
            wait_until(lambda: self._trainers(server) == [], "a training did not end")
            killed = label_studio.start_training(7)
            wait_until(lambda: self._trainers(server) != [], "no training starts")
            for process in self._trainers(server):
                process.kill()
            job = label_studio.end_of(killed)
            assert job["state"] == "killed", job
            self._command("rollback", key_of(7))
            time.sleep(2)  # Then it is in effect.
            label_studio.setup(11, {"models": ["active", first["version"]], "ensemble": True})
            label_studio.start_training(7)
            label_studio.start_training(8)
            wait_until(lambda: "running" in label_studio.states(), "no training starts")
            assert "queued" in label_studio.states()
            for process in server.family():
                process.send_signal(signal.SIGKILL)
            server.process.wait()

    def dump(self) -> str:
        """The rows of the SQLite database as the release has them in PostgreSQL, as SQL."""
        programs = find_postgres()
        assert programs, "PostgreSQL is not installed"
        with run_postgres(programs) as postgres, postgres.database() as url:
            settings = {"PYTHONPATH": str(self._checkout), "SENTIMENT_DATABASE_URL": url}
            with run_backend(self._folder / "postgresql", settings, cwd=self._checkout):
                pass
            copy_rows(f"sqlite:///{self.data / 'sentiment.db'}", url)
            done = subprocess.run(
                [
                    *("pg_dump", "--inserts", "--no-owner", "--no-privileges"),
                    *("--host", str(postgres.folder), "--username", postgres.user),
                    url.partition("@/")[2].partition("?")[0],
                ],
                check=True,
                capture_output=True,
                text=True,
            )
        # Without comments and the commands of psql's own, such as \\restrict.
        kept = [line for line in done.stdout.splitlines() if line and line[:2] != "--"]
        return "\n".join(line for line in kept if line[0] != "\\") + "\n"

    def _import_model(self) -> str:
        """Put a tiny model into the store, by the tutorial's file formats, and return its tag."""
        state, vocabulary = self._folder / "cnn.pt", self._folder / "vocab_obj.pt"
        tokens = ["<unk>", "<pad>", *GOOD, *BAD, *SUBJECTS, *FILLERS]
        write_archive(vocabulary, vocabulary_pickle(tokens))
        torch.save(tiny_network(tokens), state)
        return self._command("import", "--state-dict", str(state), "--vocab", str(vocabulary))

    def _command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "model_store", *arguments],
            cwd=self._checkout,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(self._folder),
                "PYTHONPATH": str(self._checkout),
                "SENTIMENT_DATA_DIR": str(self.data),
                "BENTOML_DO_NOT_TRACK": "True",
            },
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    @staticmethod
    def _trainers(server: Server) -> list[psutil.Process]:
        """The processes of training jobs; a release before 0.2 names their module differently."""
        modules = {"adapters.learning.process", "adapters.label_studio.training"}
        found = []
        for process in server.family():
            with suppress(psutil.NoSuchProcess):  # It has just ended.
                if modules & set(process.cmdline()):
                    found.append(process)
        return found


class LabelStudio:
    """A fake Label Studio: sends events and requests to the server over HTTP."""

    def __init__(self, server: Server) -> None:
        self._http = httpx.Client(base_url=server.url, timeout=30)

    def annotate(self, project: int, tasks: Iterable[int]) -> None:
        """Annotate tasks: those with an even number are good."""
        for task in tasks:
            self._send("ANNOTATION_CREATED", project, **self._annotation(project, task))

    def change(self, project: int, task: int) -> None:
        """Change the annotation of a task to the other choice."""
        parts = self._annotation(project, task, change=True)
        self._send("ANNOTATION_UPDATED", project, **parts)

    def skip(self, project: int, task: int) -> None:
        """Skip a task."""
        parts = self._annotation(project, task)
        parts["annotation"] |= {"was_cancelled": True, "result": []}
        self._send("ANNOTATION_CREATED", project, **parts)

    def delete_annotation(self, project: int, task: int) -> None:
        """Delete the annotation of a task."""
        self._send("ANNOTATIONS_DELETED", project, annotations=[{"id": 1000 + task}])

    def delete_task(self, project: int, task: int) -> None:
        """Delete a task with its annotation."""
        self._send("TASKS_DELETED", project, tasks=[{"id": task}])

    def start_training(self, project: int) -> str:
        """Press Start Training and return the id of the job."""
        job: str = self._send("START_TRAINING", project)["job"]
        return job

    def train(self, project: int) -> Any:
        """Train a project and return the job that has ended."""
        return self.end_of(self.start_training(project))

    def end_of(self, job: str) -> Any:
        """Return a job when it has ended."""
        wait_until(lambda: self._job(job)["state"] not in ("queued", "running"), job, seconds=120)
        return self._job(job)

    def states(self) -> list[str]:
        """Return the states of all jobs."""
        return [job["state"] for job in self._http.get("/jobs").json()["jobs"]]

    def setup(self, project: int, extra_params: Any) -> None:
        """Connect a backend with extra parameters; fails if the server finds fault with them."""
        body = {
            "project": key_of(project),
            "schema": CONFIGS[project],
            "extra_params": extra_params,
        }
        answer = self._http.post("/setup", json=body).raise_for_status().json()
        assert not [problem for problem in answer["problems"] if "extra_params" in problem], answer

    def _job(self, job: str) -> Any:
        return self._http.get(f"/jobs/{job}").json()

    def _annotation(self, project: int, task: int, *, change: bool = False) -> dict[str, Any]:
        is_good = (task % 2 == 0) != change
        word = (GOOD if is_good else BAD)[task % len(GOOD)]
        subject = SUBJECTS[task % len(SUBJECTS)]
        name = "verdict" if project in (7, 9) else "sentiment"
        value = {"choices": [CHOICES[project][0 if is_good else 1]]}
        return {
            "task": {"id": task, "data": {"review": f"The {subject} was {word}, number {task}."}},
            "annotation": {
                "id": 1000 + task,
                "task": task,
                "project": project,
                "completed_by": 1,
                "was_cancelled": False,
                "created_at": CREATED,
                "updated_at": CREATED.replace("17:01", "17:02" if change else "17:01"),
                "result": [
                    {
                        "id": f"r{task}",
                        "type": "choices",
                        "from_name": name,
                        "to_name": "text",
                        "value": value,
                    }
                ],
            },
        }

    def _send(self, action: str, project: int, **parts: Any) -> Any:
        event = {
            "action": action,
            "project": {
                "id": project,
                "title": f"films {project}",
                "label_config": CONFIGS[project],
                "created_at": CREATED,
                "updated_at": CREATED,
            },
            **parts,
        }
        return self._http.post("/webhook", json=event).raise_for_status().json()


def key_of(project: int) -> str:
    """Return the key under which the server keeps a project."""
    return f"{project}.1795453317"


def tiny_network(tokens: list[str]) -> dict[str, torch.Tensor]:
    """Return the tutorial's state dict with two filters that work: one for each kind of word.

    All other weights are 0, so that the files compress to almost nothing.
    """
    embedding = torch.zeros(len(tokens), 300)
    for word in GOOD:
        embedding[tokens.index(word), 0] = 1
    for word in BAD:
        embedding[tokens.index(word), 1] = 1
    state = {"embedding.weight": embedding}
    for index, size in enumerate((3, 5, 7)):
        state[f"convs.{index}.weight"] = torch.zeros(100, 300, size)
        state[f"convs.{index}.bias"] = torch.zeros(100)
    for kind in (0, 1):
        state["convs.0.weight"][kind, kind, :] = 1
    state["fc.weight"], state["fc.bias"] = torch.zeros(2, 300), torch.zeros(2)
    state["fc.weight"][0, 1] = state["fc.weight"][1, 0] = 4
    return state


def anonymize(database: Path) -> None:
    """Replace the name of this machine in the jobs."""
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE jobs SET host = ? WHERE host IS NOT NULL", (HOST,))
    connection.close()


def pack(data: Path, archive: Path) -> None:
    """Write a data directory as an archive, without metrics and locks."""
    for folder in ("metrics", "bentoml/tmp", "bentoml/.client_id"):
        shutil.rmtree(data / folder, ignore_errors=True)

    def clean(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return None if member.name.endswith(".lock") else member

    with tarfile.open(archive, "w:xz") as out:
        out.add(data, arcname="data", filter=clean)


def copy_rows(source: str, target: str) -> None:
    """Copy the rows of all tables of a database to another one that has the same tables."""
    old, new = create_engine(source), create_engine(target)
    tables, old_tables = MetaData(), MetaData()
    tables.reflect(new)
    old_tables.reflect(old)
    with old.connect() as reader, new.begin() as writer:
        for name, table in tables.tables.items():
            rows = reader.execute(select(old_tables.tables[name])).mappings().all()
            if rows:
                writer.execute(insert(table), [dict(row) for row in rows])
        sequence = "SELECT setval('deployments_id_seq', (SELECT max(id) FROM deployments))"
        writer.execute(text(sequence))
    old.dispose()
    new.dispose()


if __name__ == "__main__":
    main()
