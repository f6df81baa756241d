"""Settings: what the environment says, what is made up in its place, and what is refused without showing a value."""

from __future__ import annotations

import json
import re
import socket
import stat
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.settings import SECRETS, Settings, SettingsError, ensure_secrets, load_settings, variable
from tests.architecture.sources import SOURCE_PACKAGES, modules

SECRET = "s" * 32
MASTER_KEY = b64encode(bytes(range(32))).decode()
ADMIN_KEY = "a" * 32
ALL = {"secret": SECRET, "master_key": MASTER_KEY, "admin_key": ADMIN_KEY}


def refused(**environment: str) -> str:
    """The message that refuses this environment, which is one line."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(variable(name), value)
        with pytest.raises(SettingsError) as caught:
            load_settings()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_needs_to_be_set_for_a_sandbox() -> None:
    settings = load_settings()
    assert settings.is_sandbox
    assert settings.is_embedded
    assert (settings.environment, settings.partitions, settings.state) == ("sandbox", 12, Path(".subledger"))
    assert (settings.replication_factor, settings.min_insync) == (1, 1)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:8001"), ("10.0.0.7", "10.0.0.7:8001"), ("::1", "[::1]:8001"),
     ("0.0.0.0", f"{socket.gethostname()}:8001"), ("::", f"{socket.gethostname()}:8001")],
)  # fmt: skip
def test_a_node_is_reached_where_it_listens(host: str, address: str) -> None:
    assert load_settings(host=host, port=8001).address == address


def test_each_field_is_described_and_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a variable for each field
    given = ALL | {
        "environment": "staging-2",
        "kafka_bootstrap": "kafka:9092",
        "kafka_options": '{"security.protocol": "SASL_SSL", "sasl.password": "hunter2"}',
        "partitions": "24",
        "replication_factor": "3",
        "min_insync": "2",
        "state": "/var/lib/subledger",
        "simulator_book": "/srv/simulator.sqlite",
        "snapshots": "s3://bucket/prefix",
        "postgres_dsn": "host=db",
        "host": "0.0.0.0",
        "port": "9000",
        "projector_port": "9005",
        "node": "node-a",
        "address": "node-a.internal:9000",
        "max_waiting": "10",
        "log_level": "debug",
        "log_format": "json",
    }
    assert given.keys() == Settings.model_fields.keys()
    for name, value in given.items():
        monkeypatch.setenv(f"SUBLEDGER_{name.upper()}", value)
    # when they are loaded
    settings = load_settings()
    # then each has its value and a description
    security = {"security.protocol": "SASL_SSL", "sasl.password": "hunter2"}
    assert settings.kafka == {"bootstrap.servers": "kafka:9092", **security}
    assert settings.secret_bytes == SECRET.encode()
    assert settings.master_key_bytes == bytes(range(32))
    assert settings.admin_key_text == ADMIN_KEY
    plain = {name: value for name, value in given.items() if name not in {*ALL, "kafka_options", "postgres_dsn"}}
    assert {name: str(getattr(settings, name)) for name in plain} == plain
    assert all(field.description for field in Settings.model_fields.values())


def test_the_simulated_provider_keeps_its_book_in_the_state_folder_unless_told_otherwise() -> None:
    assert Settings(state=Path("state")).simulator_book_path == Path("state/simulator.sqlite")
    assert Settings(state=Path("state"), simulator_book=Path("shared/book")).simulator_book_path == Path("shared/book")


def test_no_secret_shows_in_a_printed_object() -> None:
    settings = load_settings(**ALL, postgres_dsn="password=hunter2", kafka_options={"sasl.password": "hunter2"})
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert not [text for text in (*ALL.values(), "hunter2") if text in shown]


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUBLEDGER_KAFKA_BOOTSTRAP", "")
    monkeypatch.setenv("SUBLEDGER_SECRET", "")
    assert load_settings().is_embedded
    assert load_settings().secret is None


@pytest.mark.parametrize(
    ("environment", "given", "replicas"),
    [("live", {}, (3, 2)), ("live", {"replication_factor": 5}, (5, 2)), ("test", {}, (1, 1))],
)
def test_live_is_replicated(environment: str, given: dict[str, int], replicas: tuple[int, int]) -> None:
    settings = load_settings(environment=environment, **given)
    assert (settings.replication_factor, settings.min_insync) == replicas
    assert settings.is_sandbox is (environment != "live")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("environment", "my_env", "match pattern"),
        ("partitions", "0", "greater than or equal to 1"),
        ("partitions", "many", "valid integer"),
        ("port", "70000", "less than or equal to 65535"),
        ("log_level", "loud", "'debug', 'info'"),
        ("node", "no spaces", "match pattern"),
        ("master_key", "hunter2", "32 bytes in base64"),
        ("master_key", b64encode(bytes(16)).decode(), "32 bytes in base64"),
        ("secret", "hunter2", "at least 32"),
        ("admin_key", "hunter2", "at least 32"),
        ("admin_key", "hunter2 " * 8, "without spaces"),
        ("kafka_options", '{"acks": "hunter2"}', "not acks"),
        ("kafka_options", '{"sasl.password": hunter2', "a JSON object"),
        ("kafka_options", '["hunter2"]', "valid dictionary"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, value: str, says: str) -> None:
    message = refused(**{name: value})
    assert message.startswith(f"SUBLEDGER_{name.upper()}: ")
    assert says in message
    assert "hunter2" not in message


def test_every_wrong_variable_is_named_and_no_other() -> None:
    message = refused(environment="NO", port="x", secret="hunter2")
    assert [part.split(":")[0] for part in message.split("; ")] == ["SUBLEDGER_ENVIRONMENT", "SUBLEDGER_SECRET", "SUBLEDGER_PORT"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SUBLEDGER_KAFKA_BOOSTRAP", "SUBLEDGER_KAFKA_BOOTSTRAP"),
        ("SUBLEDGER_POSTGRES_DNS", "SUBLEDGER_POSTGRES_DSN"),
        ("SUBLEDGER_PORTS", "SUBLEDGER_PORT"),
        ("subledger_prot", "SUBLEDGER_PORT"),
    ],
)
def test_a_mistyped_variable_is_refused_with_the_nearest(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(SettingsError, match=f"^{name} is not known: is {meant} meant\\?$"):
        load_settings()


def test_every_variable_that_the_code_reads_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a value for every variable that the source names literally, settings aside
    text = "".join(module.text for module in modules(*SOURCE_PACKAGES))
    named = set(re.findall(r"SUBLEDGER_[A-Z][A-Z_]*[A-Z]\b", text)) - {variable(field) for field in Settings.model_fields}
    assert "SUBLEDGER_API_KEY" in named
    for name in named:
        monkeypatch.setenv(name, "x")
    # then none is taken for a mistake, and another program's variables are none of our business
    monkeypatch.setenv("SUBLEDGERS", "x")
    load_settings()


def test_more_confirmations_than_replicas_are_refused() -> None:
    assert refused(min_insync="2") == "SUBLEDGER_MIN_INSYNC is greater than SUBLEDGER_REPLICATION_FACTOR"


def test_embedded_secrets_are_made_once_and_kept_for_this_user_alone(tmp_path: Path) -> None:
    # given nothing
    settings = load_settings(state=tmp_path / "state")
    # when secrets are needed, twice
    first, second = ensure_secrets(settings), ensure_secrets(settings)
    # then they are random, the same ones, and readable by nobody else
    assert first == second
    assert len({first.secret_bytes, first.master_key_bytes, first.admin_key_text.encode()}) == 3
    assert len(first.master_key_bytes) == 32
    file = tmp_path / "state" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["secrets.json"]
    assert ensure_secrets(load_settings(state=tmp_path / "other")).secret_bytes != first.secret_bytes


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    settings = load_settings(state=tmp_path)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: ensure_secrets(settings).secret_bytes, range(32)))
    assert len(set(found)) == 1


def test_given_secrets_go_before_made_ones_and_are_not_kept(tmp_path: Path) -> None:
    settings = ensure_secrets(load_settings(state=tmp_path, secret=SECRET))
    assert settings.secret_bytes == SECRET.encode()
    assert json.loads((tmp_path / "secrets.json").read_bytes()).keys() == {"master_key", "admin_key"}
    assert SECRET not in (tmp_path / "secrets.json").read_text()


def test_all_given_leaves_no_file(tmp_path: Path) -> None:
    assert ensure_secrets(load_settings(state=tmp_path, **ALL)).secret_bytes == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_was_given_before_is_asked_for_again(tmp_path: Path) -> None:
    ensure_secrets(load_settings(state=tmp_path, master_key=MASTER_KEY))
    with pytest.raises(SettingsError, match=r"when SUBLEDGER_MASTER_KEY was given"):
        ensure_secrets(load_settings(state=tmp_path))


def test_another_secret_than_the_log_was_made_with_is_refused(tmp_path: Path) -> None:
    ensure_secrets(load_settings(state=tmp_path))
    with pytest.raises(SettingsError, match=r"^SUBLEDGER_SECRET, SUBLEDGER_MASTER_KEY differs") as caught:
        ensure_secrets(load_settings(state=tmp_path, secret=SECRET, master_key=MASTER_KEY))
    assert SECRET not in str(caught.value)
    # the admin's key may change
    assert ensure_secrets(load_settings(state=tmp_path, admin_key=ADMIN_KEY)).admin_key_text == ADMIN_KEY


def test_with_kafka_all_secrets_are_asked_for_at_once(tmp_path: Path) -> None:
    settings = load_settings(state=tmp_path, kafka_bootstrap="kafka:9092", admin_key=ADMIN_KEY)
    with pytest.raises(SettingsError, match=r"^with Kafka .* set SUBLEDGER_SECRET, SUBLEDGER_MASTER_KEY$"):
        ensure_secrets(settings)
    assert list(tmp_path.iterdir()) == []


def test_with_kafka_a_process_needs_its_own_secrets_only() -> None:
    settings = load_settings(kafka_bootstrap="kafka:9092", secret=SECRET, admin_key=ADMIN_KEY)
    assert ensure_secrets(settings, ("secret", "admin_key")).master_key is None
    with pytest.raises(SettingsError, match=r"set SUBLEDGER_MASTER_KEY$"):
        ensure_secrets(settings, SECRETS)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"secret": 1}', '{"other": "x"}'])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets.json"
    file.touch(0o600)
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"secrets\.json cannot be read"):
        ensure_secrets(load_settings(state=tmp_path))


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    ensure_secrets(load_settings(state=tmp_path))
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        ensure_secrets(load_settings(state=tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"file/state/secrets\.json: Not a directory"):
        ensure_secrets(load_settings(state=tmp_path / "file" / "state"))
