"""The examples in the docstrings of the model store print their documented output."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import model_store

PUBLIC = {
    "model_store",
    "model_store.artifact",
    "model_store.model.classification",
    "model_store.model.classifier",
    "model_store.model.text_classifier",
}


RUN_BY_OTHERS = ("__main__", "migrations.env")
"""Modules that the command line and Alembic run; they cannot be imported."""


def modules() -> Iterator[ModuleType]:
    yield model_store
    for info in pkgutil.walk_packages(model_store.__path__, "model_store."):
        if not info.name.endswith(RUN_BY_OTHERS):
            yield importlib.import_module(info.name)


def test_every_example_prints_its_documented_output() -> None:
    results = {module.__name__: doctest.testmod(module) for module in modules()}
    assert not {name for name, result in results.items() if result.failed}
    assert {name for name, result in results.items() if result.attempted} >= PUBLIC
