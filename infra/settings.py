"""Settings, from the environment alone: the field ``x`` is the variable ``SUBLEDGER_X``; an empty variable counts as not set.

The table in the documentation is generated from the fields' descriptions.

The secrets of an embedded deployment are made at random when first needed, and kept in the state folder. With Kafka nothing is
made up: nodes with secrets of their own would disagree on every id, and could not read each other's data.
"""

from __future__ import annotations

import os
import secrets
import socket
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

PREFIX = "SUBLEDGER_"
LIVE = "live"
SECRETS_FILE = "secrets.json"

# Variables of ours that are no settings: an option of the command line, and what the eventsourcing modules read.
_OTHER_VARIABLES = ("SUBLEDGER_API_KEY",)
_OTHER_PREFIX = "SUBLEDGER_EVENTLOG_"

_MASTER_KEY_BYTES = 32
_KAFKA_SECURITY = ("security.protocol", "sasl.", "ssl.", "enable.ssl.")


class SettingsError(Exception):
    """The settings are not what is needed. The message is one line, names the variables and holds no value of theirs."""


def variable(field: str) -> str:
    """The environment's name of a field."""
    return PREFIX + field.upper()


def _master_key(given: SecretStr) -> SecretStr:
    try:
        size = len(b64decode(given.get_secret_value(), validate=True))
    except ValueError:
        size = 0
    if size != _MASTER_KEY_BYTES:
        raise ValueError("32 bytes in base64 are wanted (openssl rand -base64 32)")
    return given


def _header_safe(given: SecretStr) -> SecretStr:
    text = given.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("printable ASCII without spaces is wanted, since it travels in a header")
    return given


def _security_alone(options: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """How durable the log is must not hang on the environment."""
    others = sorted(name for name in options if not name.startswith(_KAFKA_SECURITY))
    if others:
        raise ValueError(f"only security.protocol, sasl.*, ssl.* and enable.ssl.* may be set, not {', '.join(others)}")
    return options


def _replication(fields: dict[str, Any]) -> int:
    return 3 if fields["environment"] == LIVE else 1


def _next_port(fields: dict[str, Any]) -> int:
    return int(fields["port"]) + 1


def _address(fields: dict[str, Any]) -> str:
    """Who listens on every address is reached by its host's name."""
    host = fields["host"] if fields["host"] not in ("", "0.0.0.0", "::") else socket.gethostname()
    return f"[{host}]:{fields['port']}" if ":" in host else f"{host}:{fields['port']}"


def _min_insync(fields: dict[str, Any]) -> int:
    return 1 if fields["replication_factor"] == 1 else 2


class Settings(BaseSettings):
    """All there is to set. Fields without a value have a default that suits a sandbox on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    environment: str = Field(
        "sandbox",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="The deployment's environment: prefix of topics, part of API keys. Everything but `live` is a sandbox.",
    )
    kafka_bootstrap: str | None = Field(
        None, description="Kafka brokers (`host:port,…`). Not set: the embedded log, an SQLite file in the state folder."
    )
    kafka_options: Annotated[dict[str, SecretStr], AfterValidator(_security_alone)] = Field(
        {},
        description="Security towards Kafka: a JSON object of librdkafka's `security.protocol`, `sasl.*` and `ssl.*` settings.",
    )
    partitions: int = Field(12, ge=1, le=1024, description="Partitions of the ledger. Fixed for life when the log is made.")
    replication_factor: int = Field(
        default_factory=_replication, ge=1, description="Replicas of each topic that is created. Default: 3 in `live`, else 1."
    )
    min_insync: int = Field(
        default_factory=_min_insync,
        ge=1,
        description="Replicas that must have a record before it counts as written. Default: 2, or 1 where there is one replica.",
    )
    state: Path = Field(
        Path(".subledger"),
        description="Folder for what this node keeps: indexes, the embedded log and Postgres, generated secrets.",
    )
    simulator_book: Path | None = Field(
        None,
        description="The simulated provider's file, one for all command nodes. Default: `simulator.sqlite` in the state folder.",
    )
    snapshots: str | None = Field(
        None,
        pattern=r"^(file:///|s3://|gs://|az://).+",
        description="Where nodes share snapshots of their indexes: `file:///folder`, or `s3://bucket/prefix` (with the usual"
        " `AWS_*` variables, `AWS_ENDPOINT_URL` for a store that is not Amazon's), `gs://` or `az://`. Not set: none are kept.",
    )
    postgres_dsn: SecretStr | None = Field(
        None, description="Connection string of the Postgres for read models, of a role that may create roles. Not set: embedded."
    )
    secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Key of the keyed hashes (ids, idempotency keys, fingerprints): one for all nodes, for the life of the log.",
    )
    master_key: Annotated[SecretStr, AfterValidator(_master_key)] | None = Field(
        None, description="32 bytes in base64 that wrap the customers' data keys. Lost, no personal data can be read again."
    )
    admin_key: Annotated[SecretStr, AfterValidator(_header_safe)] | None = Field(
        None, min_length=32, description="The bootstrap admin's API key: makes tenants and their first keys."
    )
    host: str = Field("127.0.0.1", description="Address that the APIs listen on.")
    port: int = Field(
        8000, ge=0, le=65535, description="Port of the one origin, or of what a process of its own serves (an API, its health)."
    )
    projector_port: int = Field(
        default_factory=_next_port,
        ge=0,
        le=65535,
        description="Port of the projector's health and metrics under `subledger run`. Default: the one after `SUBLEDGER_PORT`.",
    )
    node: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="This node's name: its own among the nodes, and the same after a restart. Default: the host's name.",
    )
    address: str = Field(
        default_factory=_address,
        pattern=r"^([A-Za-z0-9._-]{1,128}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$",
        description="`host:port` at which other nodes reach this one's API. Default: `SUBLEDGER_HOST`, or the host's name where "
        "that is every address (`0.0.0.0`), with `SUBLEDGER_PORT`.",
    )
    max_waiting: int = Field(
        3000,
        ge=1,
        description="Commands that may wait for their turn at a node: a tenant's in one partition a third as many, less beside"
        " others. More are answered with 429, or 503 where there is no place for anybody, and `Retry-After`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    log_format: Literal["auto", "json", "pretty"] = Field(
        "auto", description="JSON lines or, to be read by people, `pretty`; `auto` is pretty on a terminal."
    )

    @model_validator(mode="after")
    def _enough_replicas(self) -> Settings:
        if self.min_insync > self.replication_factor:
            raise ValueError(f"{variable('min_insync')} is greater than {variable('replication_factor')}")
        return self

    @property
    def is_sandbox(self) -> bool:
        """Whether time may be moved and charges are simulated."""
        return self.environment != LIVE

    @property
    def simulator_book_path(self) -> Path:
        """Where the simulated provider's book is kept."""
        return self.simulator_book or self.state / "simulator.sqlite"

    @property
    def is_embedded(self) -> bool:
        """Whether the log is the SQLite file in the state folder."""
        return self.kafka_bootstrap is None

    @property
    def kafka(self) -> dict[str, str]:
        """What every client of the brokers needs to reach them."""
        assert self.kafka_bootstrap is not None
        return {
            "bootstrap.servers": self.kafka_bootstrap,
            **{name: value.get_secret_value() for name, value in self.kafka_options.items()},
        }

    @property
    def secret_bytes(self) -> bytes:
        """The key of the keyed hashes, once ``ensure_secrets`` has seen to it."""
        assert self.secret is not None
        return self.secret.get_secret_value().encode()

    @property
    def master_key_bytes(self) -> bytes:
        """The master key's 32 bytes, once ``ensure_secrets`` has seen to it."""
        assert self.master_key is not None
        return b64decode(self.master_key.get_secret_value())

    @property
    def admin_key_text(self) -> str:
        """The bootstrap admin's key, once ``ensure_secrets`` has seen to it."""
        assert self.admin_key is not None
        return self.admin_key.get_secret_value()


def load_settings(**given: Any) -> Settings:
    """The settings from the environment; ``given`` fields go before it. Raises SettingsError."""
    _refuse_unknown(os.environ)
    try:
        return Settings(**given)
    except SourceError:
        # What it says, and what caused it, may quote the value.
        raise SettingsError(f"{variable('kafka_options')}: a JSON object is wanted") from None
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        # A default that waits for a field at fault is no fault of its own.
        wrong = [part for part in found if part["type"] != "default_factory_not_called"]
        raise SettingsError("; ".join(_line(part["loc"], part["msg"]) for part in wrong)) from None


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """A mistyped variable would leave its default in force, unseen. Raises SettingsError."""
    known = [*map(variable, Settings.model_fields), *_OTHER_VARIABLES]
    ours = sorted(name for name, value in environment.items() if value and name.upper().startswith(PREFIX))
    unknown = [name for name in ours if name.upper() not in known and not name.upper().startswith(_OTHER_PREFIX)]
    if unknown:
        nearest = {name: get_close_matches(name.upper(), known, n=1, cutoff=0)[0] for name in unknown}
        raise SettingsError("; ".join(f"{name} is not known: is {near} meant?" for name, near in nearest.items()))


def _line(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join([variable(str(location[0])), *map(str, location[1:])]) + ": " if location else ""
    return name + message.removeprefix("Value error, ")


_MAKERS = {
    "secret": lambda: secrets.token_hex(32),
    "master_key": lambda: b64encode(secrets.token_bytes(_MASTER_KEY_BYTES)).decode(),
    "admin_key": lambda: f"admin_{secrets.token_hex(32)}",
}
SECRETS = tuple(_MAKERS)
# What is in the log was made with these: another one would not find it, or could not read it.
_FOR_LIFE = ("secret", "master_key")


def ensure_secrets(settings: Settings, needed: Iterable[str] = SECRETS) -> Settings:
    """The settings with the secrets that this process needs: as given, or (embedded) as kept in the state folder, made where new.

    Raises SettingsError where Kafka is used and one is not given, or where what is kept and what is given contradict each other.
    """
    missing = [name for name in needed if getattr(settings, name) is None]
    if not settings.is_embedded:
        if missing:
            raise SettingsError(f"with Kafka the secrets are given, the same to every process: set {_variables(missing)}")
        return settings
    path = settings.state / SECRETS_FILE
    if missing and not path.exists():
        _make_secrets(path, [name for name in SECRETS if getattr(settings, name) is None])
    kept = _kept_secrets(path) if path.exists() else {}
    lacking = [name for name in missing if name not in kept]
    if lacking:
        raise SettingsError(f"{path} was made when {_variables(lacking)} was given: give it again")
    given = {name: value.get_secret_value() for name in _FOR_LIFE if (value := getattr(settings, name)) is not None}
    changed = [name for name, text in given.items() if kept.get(name, text) != text]
    if changed:
        raise SettingsError(f"{_variables(changed)} differs from what {path} holds and the log was made with")
    return load_settings(**(settings.model_dump() | {name: kept[name] for name in missing}))


def _variables(fields: Iterable[str]) -> str:
    return ", ".join(variable(name) for name in fields)


def _make_secrets(path: Path, names: Iterable[str]) -> None:
    """Write new secrets. Where another process does the same at this moment, the file that is there first counts for both."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(orjson.dumps({name: _MAKERS[name]() for name in names}, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise SettingsError(f"secrets cannot be kept in {path}: {error.strerror}") from error


def _kept_secrets(path: Path) -> dict[str, str]:
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} is open to others: chmod 600 it, and think of who may have read it")
    try:
        kept = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        kept = None
    if not isinstance(kept, dict) or not all(name in _MAKERS and isinstance(text, str) for name, text in kept.items()):
        raise SettingsError(f"{path} cannot be read as secrets: put back what it held, or start with a new state folder")
    return kept
