"""The broker that the tests get is a real one with the settings that the design rests on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from tests.kafka_broker.local import BrokerError, local_broker


def test_the_broker_gives_members_six_seconds(kafka_bootstrap: str) -> None:
    # given the session's broker
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    node = str(next(iter(admin.list_topics(timeout=10).brokers)))
    # when its settings are read
    resource = ConfigResource(ConfigResource.Type.BROKER, node)
    found = admin.describe_configs([resource])[resource].result(10)
    # then takeover is quick and topics are made on purpose only
    assert found["group.consumer.session.timeout.ms"].value == "6000"
    assert found["auto.create.topics.enable"].value == "false"


def test_missing_java_is_told_in_one_line_with_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a machine without Java
    monkeypatch.setenv("PATH", str(tmp_path))
    # when a broker is asked for, then one line says what to install
    with pytest.raises(BrokerError, match=r"^no Java found: apt-get install \S+ \S+$"), local_broker(tmp_path / "broker"):
        pytest.fail("there is no Java")


def test_missing_maven_is_told_where_nothing_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given Java, but neither jars in the cache nor Maven
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # when a broker is asked for, then the line names Maven
    with pytest.raises(BrokerError, match="no Maven found"), local_broker(tmp_path / "broker"):
        pytest.fail("there are no jars")


@pytest.mark.parametrize(
    ("ci", "code", "told"), [("false", 0, "Kafka tests did not run"), ("true", 1, "CI needs a Kafka broker")]
)
def test_a_run_without_kafka_skips_loudly_and_fails_in_ci(tmp_path: Path, ci: str, code: int, told: str) -> None:
    # given a machine without Java, Maven and Docker
    environment = {"PATH": str(tmp_path), "DOCKER_HOST": "tcp://127.0.0.1:1", "HOME": str(tmp_path), "CI": ci}
    # when a Kafka test is run
    one = f"{__file__}::{test_the_broker_gives_members_six_seconds.__name__}"
    own = tmp_path / "run"  # in the shared folder it would take the servers' users, of what runs beside it, the access to theirs
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--basetemp={own}", one]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[2])
    # then the run says what to install, and only a CI run fails
    assert done.returncode == code, done.stdout
    assert told in done.stdout
    assert "no Java found: apt-get install" in done.stdout


def test_by_hand_it_says_how_to_call_it() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.kafka_broker"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "FOLDER" in done.stderr
