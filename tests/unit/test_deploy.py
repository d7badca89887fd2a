"""The deployment files are valid and have properties that no schema checks."""

import copy
import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import validate

METADATA_SERVICES = ["169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"]
OTHER_PRIVATE = ["127.0.0.1", "10.0.0.1", "172.16.0.1", "172.29.1.1", "172.31.1.1", "192.168.0.1"]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load(validate.COMPOSE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=[path.name for path in validate.overlays()])
def objects(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The objects of an overlay, by kind."""
    return {item["kind"]: item for item in validate.build(validate.OVERLAYS / request.param)}


def test_all_files_are_valid() -> None:
    assert list(validate.problems()) == []


@pytest.mark.parametrize(
    ("old", "new"), [("ports:", "portss:"), ("restart: unless-stopped", "restart: 3")]
)
def test_a_broken_compose_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(validate.COMPOSE.read_text(encoding="utf-8").replace(old, new))
    assert validate.compose_problems(path)


def test_the_error_of_a_broken_object_names_the_place(objects: dict[str, Any]) -> None:
    deployment = objects["Deployment"]
    assert validate.kubernetes_problems(deployment) == []

    unknown = copy.deepcopy(deployment)
    unknown["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    (problem,) = validate.kubernetes_problems(unknown)
    assert "readynessProbe" in problem

    wrong = copy.deepcopy(deployment)
    wrong["spec"]["replicas"] = "two"
    (problem,) = validate.kubernetes_problems(wrong)
    assert "Deployment/sentiment: spec.replicas" in problem

    foreign = {"apiVersion": "apps/v9", "kind": "Deployment", "metadata": {"name": "sentiment"}}
    assert validate.kubernetes_problems(foreign)


def test_an_overlay_that_cannot_be_built_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]")
    with pytest.raises(validate.BuildError, match=r"missing\.yaml"):
        validate.build(tmp_path)


def test_the_operators_object_contains_the_alert_rules_unchanged() -> None:
    alerts = "groups:\n  - name: one\n\n    rules: []\n"
    assert yaml.safe_load(validate.rules(alerts))["spec"] == yaml.safe_load(alerts)


def test_label_studio_can_reach_the_backend_but_no_metadata_service(compose: Any) -> None:
    settings = compose["services"]["label-studio"]["environment"]
    assert settings["LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS"] == "false"
    banned = [
        ipaddress.ip_network(subnet)
        for subnet in settings["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    ]
    (own,) = compose["networks"]["labelling"]["ipam"]["config"]

    assert not [net for net in banned if net.overlaps(ipaddress.ip_network(own["subnet"]))]
    for address in METADATA_SERVICES + OTHER_PRIVATE:
        assert [net for net in banned if ipaddress.ip_address(address) in net], address


def test_host_names_contain_a_dot_and_images_have_a_version(compose: Any) -> None:
    services = compose["services"]
    assert "backend.internal" in services["backend"]["networks"]["labelling"]["aliases"]
    for name, service in services.items():
        if name != "backend":
            assert not service["image"].endswith(":latest")
            assert ":" in service["image"]
        assert service["healthcheck"]
    assert services["backend"]["read_only"] is True


def test_services_around_the_backend_are_as_unprivileged_as_it(compose: Any) -> None:
    services = compose["services"]
    for name in ("backend", "prometheus", "grafana"):
        service = services[name]
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name in ("postgres", "prometheus", "grafana"):
        assert "@sha256:" in services[name]["image"], name


@pytest.mark.parametrize(("password", "starts"), [("", False), ("secret", True)])
def test_grafana_does_not_start_without_a_password(
    compose: Any, tmp_path: Path, password: str, starts: bool
) -> None:
    (shell, option, script) = compose["services"]["grafana"]["entrypoint"]
    (tmp_path / "run.sh").write_text("#!/bin/sh\necho started\n")
    (tmp_path / "run.sh").chmod(0o755)
    script = script.replace("$$", "$").replace("/run.sh", str(tmp_path / "run.sh"))
    done = subprocess.run(
        [shell, option, script],
        env={"GF_SECURITY_ADMIN_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is starts
    assert (done.stdout == "started\n") is starts
    assert ("Set GRAFANA_PASSWORD" in done.stderr) is not starts


def test_pods_reach_no_database_but_the_one_that_is_named(objects: dict[str, Any]) -> None:
    for rule in objects["NetworkPolicy"]["spec"]["egress"]:
        assert rule["to"], "open to anywhere"


def test_prometheus_scrapes_as_the_user_of_the_backend(compose: Any) -> None:
    path = validate.ALERTS.with_name("prometheus.yml")
    (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
    settings = compose["services"]["backend"]["environment"]
    assert settings["SENTIMENT_BASIC_AUTH_USER"] == job["basic_auth"]["username"]


def test_pods_are_unprivileged_and_write_only_to_volumes(objects: dict[str, Any]) -> None:
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/data", "/data/bentoml", "/tmp"}


def test_selectors_match_the_intended_pods(objects: dict[str, Any]) -> None:
    own = {"app.kubernetes.io/name": "sentiment"}
    assert objects["Deployment"]["spec"]["template"]["metadata"]["labels"] == own
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == own
    assert objects["Service"]["spec"]["selector"] == own
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == own
    policy = objects["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"] == own
    callers = [peer["podSelector"]["matchLabels"] for peer in policy["ingress"][0]["from"]]
    assert callers == [
        {"app.kubernetes.io/name": "label-studio"},
        {"app.kubernetes.io/name": "prometheus"},
    ]


def test_a_pod_has_time_to_answer_accepted_requests(objects: dict[str, Any]) -> None:
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (_, seconds) = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + 15
