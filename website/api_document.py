"""The OpenAPI document that the server has at `/docs.json`, without a server.

The service is imported in a process of its own, with folders that are removed again, for on import
it makes its database and puts the model that ships into BentoML's store.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]

_PROGRAM = """
import json, service
from adapters.label_studio.openapi import describe
print(json.dumps(describe(service._bentoml_document())))
"""
_OURS = ("SENTIMENT_", "BENTOML_", "LABEL_STUDIO_")
_SECONDS = 120


def load() -> dict[str, Any]:
    """The document, as a server with the default settings has it."""
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
            timeout=_SECONDS,
        )
    document: dict[str, Any] = json.loads(done.stdout)
    return document
