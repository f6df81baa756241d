"""The deployment files hold together: Compose reads its file, and the image holds every package."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import SECRETS, Settings, ensure_secrets, load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = shutil.which("docker-compose")
needs_compose = pytest.mark.skipif(COMPOSE is None, reason="docker-compose is not installed")


def read_compose(env_file: Path) -> subprocess.CompletedProcess[str]:
    assert COMPOSE is not None
    command = [COMPOSE, "--env-file", str(env_file), "-f", str(ROOT / "docker-compose.yml"), "--profile", "monitoring", "config"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})


@pytest.fixture
def services(tmp_path: Path) -> dict[str, dict[str, Any]]:
    env_file = tmp_path / "env"
    lines = (ROOT / ".env.example").read_text().splitlines()
    # 32 bytes in base64, which does for every secret
    env_file.write_text("\n".join(line + "A" * 43 + "=" if line.endswith("=") else line for line in lines))
    done = read_compose(env_file)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = yaml.safe_load(done.stdout)["services"]
    return found


@needs_compose
def test_every_service_is_watched_limited_and_pinned(services: dict[str, dict[str, Any]]) -> None:
    # given the file as Compose understands it, then
    always = {"kafka", "postgres", "topics", "commands", "projector", "queries", "proxy"}
    assert {name for name, service in services.items() if "profiles" not in service} == always
    assert set(services) - always == {"prometheus", "grafana"}
    for name, service in services.items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["restart"] in ("unless-stopped", "on-failure"), name
        assert "healthcheck" in service, name
        tag = service["image"].rpartition(":")[2]
        assert tag.lstrip("v")[0].isdigit(), f"{name}: {service['image']} is not pinned"


@needs_compose
def test_the_broker_gives_six_second_sessions_and_keeps_its_data(services: dict[str, dict[str, Any]]) -> None:
    kafka = services["kafka"]
    assert kafka["environment"]["KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS"] == "6000"
    assert kafka["environment"]["KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS"] == "6000"
    kept = {volume.split(":")[1] for volume in kafka["volumes"]}
    assert kafka["environment"]["KAFKA_LOG_DIRS"] in kept


@needs_compose
@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("topics", ()),
        ("commands", ("secret", "master_key", "admin_key")),
        ("projector", ("secret", "master_key")),
        ("queries", ("secret", "admin_key")),
    ],
)
def test_each_process_gets_the_settings_that_it_needs_and_no_other_secret(
    services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch, name: str, needed: tuple[str, ...]
) -> None:
    # given a process with what Compose gives it
    for variable, value in services[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    # when it reads its settings
    settings = ensure_secrets(load_settings(), needed)
    # then nothing of it is embedded, nothing that Compose says is unknown, and it knows what it needs alone
    given = {variable.removeprefix("SUBLEDGER_").lower() for variable in services[name]["environment"]}
    assert not settings.is_embedded
    assert given <= set(Settings.model_fields)
    assert given & set(SECRETS) == set(needed)


@needs_compose
def test_only_the_projector_knows_the_superuser(services: dict[str, dict[str, Any]]) -> None:
    knowing = {name for name, service in services.items() if "user=postgres" in str(service.get("environment"))}
    assert knowing == {"projector"}


@needs_compose
def test_nothing_starts_without_its_secrets() -> None:
    # given the example as it is, empty, when Compose reads the file, then it names what is missing
    done = read_compose(ROOT / ".env.example")
    assert done.returncode != 0
    assert "set it in .env" in done.stderr


def test_the_image_holds_every_package_and_runs_as_nobody_special() -> None:
    # given what the wheel is made of
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    dockerfile = (ROOT / "Dockerfile").read_text().splitlines()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    # then each is copied, and reaches the builder
    for package in packages:
        assert f"COPY {package} {package}" in dockerfile
        assert f"!{package}" in ignored
    assert "USER 10001" in dockerfile
    images = [line.split()[1] for line in dockerfile if line.startswith("FROM")]
    assert len(images) == 2
    assert len(set(images)) == 1
    assert images[0].rpartition(":")[2][0].isdigit()
