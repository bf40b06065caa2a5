"""What deploy/ says is valid, complete, and agrees with the code."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from core.settings import Settings
from nuanye.processes import process_specs
from tests.programs import find_program

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
SECRETS = {"POSTGRES_PASSWORD": "for-a-test", "NUANYE_SECRET_KEY": "s" * 40}
KUBERNETES = "1.31"


@cache
def _objects() -> list[tuple[str, dict[str, Any]]]:
    return [
        (path.name, item)
        for path in MANIFESTS
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if item
    ]


def _compose(**environ: str) -> subprocess.CompletedProcess[str]:
    program = find_program("docker-compose")
    assert program is not None, "docker-compose is missing: make setup installs it"
    return subprocess.run(
        [program, "--file", DEPLOY / "compose.yaml", "config"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.needs("docker-compose")
def test_docker_compose_accepts_the_file() -> None:
    """`docker-compose config` takes it, and it has every process, PostgreSQL and Redis."""
    done = _compose(**SECRETS)
    assert done.returncode == 0, done.stderr[-500:]
    services = yaml.safe_load(done.stdout)["services"]
    processes = {spec.name for spec in process_specs(Settings())}
    assert processes | {"postgres", "redis", "migrate", "train"} == set(services)
    started = {name: service["command"] for name, service in services.items() if name in processes}
    modules = {spec.name: spec.args[-1] for spec in process_specs(Settings())}
    assert {name: command[-1] for name, command in started.items()} == modules
    assert [name for name in processes if "healthcheck" not in services[name]] == []


@pytest.mark.needs("docker-compose")
@pytest.mark.parametrize("missing", SECRETS)
def test_docker_compose_does_not_start_without_secrets(missing: str) -> None:
    """A secret that was not set is named; there is no default one."""
    done = _compose(**{name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert "deploy/.env" in done.stderr


@pytest.mark.parametrize(
    ("where", "item"), _objects(), ids=lambda part: part if isinstance(part, str) else part["kind"]
)
def test_kubernetes_schema_accepts(where: str, item: dict[str, Any]) -> None:
    """Every object fits Kubernetes' own OpenAPI schema, unknown keys refused."""
    kubernetes_validate.validate(item, KUBERNETES, strict=True)
    assert item["metadata"]["name"], where


def test_the_schema_check_can_fail() -> None:
    """A misspelt key is refused: the check above checks something."""
    item = next(item for _, item in _objects() if item["kind"] == "Deployment")
    wrong = {**item, "spec": {**item["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def _containers() -> list[tuple[str, dict[str, Any]]]:
    return [
        (item["metadata"]["name"], container)
        for _, item in _objects()
        if item["kind"] in ("Deployment", "StatefulSet", "Job")
        for container in item["spec"]["template"]["spec"]["containers"]
    ]


def test_every_container_has_limits_and_every_service_probes() -> None:
    """Requests and limits for CPU and memory; readiness and liveness wherever something runs for good."""
    jobs = {item["metadata"]["name"] for _, item in _objects() if item["kind"] == "Job"}
    for name, container in _containers():
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}, name
        if name not in jobs:
            assert {"readinessProbe", "livenessProbe"} <= set(container), name


def test_every_process_of_ours_runs_with_its_own_module_and_port() -> None:
    """Deployments start what `nuanye up` starts; ports are those that the settings name."""
    ours = {
        name: container
        for name, container in _containers()
        if container["image"].startswith("nuanye/") and "-m" in container["command"]
    }
    modules = {spec.name: spec.args[-1] for spec in process_specs(Settings())}
    assert {name: c["command"][-1] for name, c in ours.items() if name != "train"} == modules
    settings = Settings()
    ports = {name: ours[name]["ports"][0]["containerPort"] for name in modules}
    assert ports["dialogue"] == settings.dialogue_port
    assert ports["connectors"] == settings.chat_port
    assert ports["console"] == settings.console_port
    assert ports["voice"] == settings.hearing_port
    config = next(item for _, item in _objects() if item["metadata"]["name"] == "settings")
    assert str(ports["casework"]) == config["data"]["NUANYE_CASEWORK_PORT"]


def test_references_between_objects_resolve() -> None:
    """Claims, services of the ingress, targets of autoscalers, labels of selectors: all are there."""
    kinds: dict[str, dict[str, dict[str, Any]]] = {}
    for _, item in _objects():
        kinds.setdefault(item["kind"], {})[item["metadata"]["name"]] = item
    apps = {item["spec"]["selector"]["matchLabels"]["app"] for item in kinds["Deployment"].values()}
    apps |= {item["spec"]["selector"]["matchLabels"]["app"] for item in kinds["StatefulSet"].values()}
    for item in kinds["Service"].values():
        assert item["spec"]["selector"]["app"] in apps
    for item in kinds["HorizontalPodAutoscaler"].values():
        assert item["spec"]["scaleTargetRef"]["name"] in kinds["Deployment"]
    for item in kinds["Deployment"].values():
        for volume in item["spec"]["template"]["spec"]["volumes"]:
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in kinds["PersistentVolumeClaim"]
    for rule in kinds["Ingress"]["doors"]["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            assert path["backend"]["service"]["name"] in kinds["Service"]
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS]


def test_settings_named_in_deploy_exist() -> None:
    """Every NUANYE_… that deploy/ sets is a setting of this version, and each has a value it takes."""
    known = {f"NUANYE_{name.upper()}" for name in Settings.__dataclass_fields__}
    for path in [*MANIFESTS, DEPLOY / "compose.yaml", DEPLOY / "Containerfile"]:
        found = set(re.findall(r"NUANYE_[A-Z0-9_]+[A-Z0-9]", path.read_text(encoding="utf-8")))
        assert {name for name in found if name not in known} == set(), path.name


def test_the_containerfile_is_in_order() -> None:
    """Every stage that is copied from or built upon was declared before; nothing runs as root."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    declared: list[str] = []
    for line in text.splitlines():
        if match := re.match(r"FROM (\S+) AS (\S+)", line):
            base, name = match.groups()
            assert ":" in base or base in declared
            declared.append(name)
        if match := re.match(r"COPY --from=(\S+)", line):
            assert match[1] in declared
        if (match := re.match(r"COPY (?!--)(.+) \S+$", line)) and match[1] != ".":
            assert all((ROOT / source).exists() for source in match[1].split())
    assert {"app", "voice"} <= set(declared)
    users = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert users[-1] == "10001:10001"
