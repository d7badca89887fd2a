"""The OpenAPI document that a server with default settings publishes at `/docs.json`.

Importing the service creates its database and imports the shipped model into BentoML's store.
A process of its own does that in a temporary folder.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]

_PROGRAM = """
import json, service
from adapters.label_studio.openapi import describe
print(json.dumps(describe(service.SentimentService.openapi_spec.asdict())))
"""
_OURS = ("SENTIMENT_", "BENTOML_", "LABEL_STUDIO_")
_SECONDS = 120


def document() -> str:
    """Return the document as JSON."""
    with TemporaryDirectory(prefix="sentiment-docs-") as folder:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        done = subprocess.run(  # noqa: S603 - the program is above
            [sys.executable, "-c", _PROGRAM],
            cwd=ROOT,
            env={
                **inherited,
                "SENTIMENT_DATA_DIR": folder,
                "BENTOML_HOME": f"{folder}/bentoml",
                "BENTOML_DO_NOT_TRACK": "True",
            },
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_SECONDS,
        )
    return done.stdout
