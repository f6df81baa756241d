"""The composition root: settings → log, vault, node, apps. A test swaps any part by an argument of the part's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from opentelemetry.trace import Tracer

from infra.eventlog.index_snapshots import STORE_ERRORS, IndexSnapshots, first_line
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import Log, LogUnavailable, LogUnusable
from infra.eventlog.rebuild import index_path
from infra.eventlog.snapshot_keeper import SnapshotKeeper
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.sqlite_owner import FileLock
from infra.node.cluster import Cluster
from infra.node.node import Node
from infra.node.window_process import WindowProcess
from infra.postgres.embedded import embedded_postgres, running_postgres
from infra.postgres.migrate import migrate
from infra.psp.registry import Gateways
from infra.settings import Settings, SettingsError, variable
from infra.vault import Vault


def wall_clock() -> datetime:
    """Now, in UTC: the one place where the write side's time comes from."""
    return datetime.now(UTC)


@contextmanager
def open_log(settings: Settings, *, must_exist: bool = False) -> Iterator[Log]:
    """The log that the settings name: Kafka's topics, or the embedded one in the state folder, which is made where there is none
    unless it ``must_exist``: who reads a log wants to hear that it is not there.
    """
    log: Log
    if settings.is_embedded:
        path = settings.state / "log.sqlite"
        if must_exist and not path.exists():
            raise LogUnavailable(f"there is no log at {path}")
        settings.state.mkdir(parents=True, exist_ok=True)
        log = SqliteLog(path, settings.environment, settings.partitions, address=settings.address)
    else:
        log = KafkaLog(settings.kafka, settings.environment, settings.node, address=settings.address)
    try:
        _check_partitions(settings, len(log.partitions) - 1)
        yield log
    finally:
        log.close()


def _check_partitions(settings: Settings, found: int) -> None:
    """Their number is the log's for life: raises LogUnusable where the settings name another one."""
    if "partitions" in settings.model_fields_set and settings.partitions != found:
        raise LogUnusable(f"{variable('partitions')} is {settings.partitions}, but the log was made with {found}, for life")


def open_snapshots(settings: Settings, log: Log) -> SnapshotKeeper | None:
    """The keeper of the indexes' snapshots, where the settings name a place for them. Raises SettingsError."""
    if settings.snapshots is None:
        return None
    try:
        snapshots = IndexSnapshots(settings.snapshots, settings.environment)
    except STORE_ERRORS as error:
        raise SettingsError(f"{variable('snapshots')}: {first_line(error)}") from error
    return SnapshotKeeper(log, snapshots, partial(index_path, settings.state / "index"))


@contextmanager
def open_vault(settings: Settings, log: Log) -> Iterator[Vault]:
    """The vault over the log's data keys."""
    keys = log.keys()
    try:
        yield Vault(settings.master_key_bytes, keys)
    finally:
        keys.close()


def make_node(
    settings: Settings,
    log: Log,
    lock: FileLock,
    vault: Vault,
    gateways: Gateways,
    tracer: Tracer | None = None,
    cluster: Cluster | None = None,
) -> Node:
    """The command node; its indexes lie in the state folder, whose ``lock`` it holds."""
    return Node(
        log,
        lambda listener: WindowProcess(settings, listener, lock),
        vault=vault,
        gateways=gateways,
        secret=settings.secret_bytes,
        clock=wall_clock,
        waiting_max=settings.max_waiting,
        tracer=tracer,
        name=settings.node,
        address=settings.address,
        cluster=cluster,
    )


@contextmanager
def open_postgres(settings: Settings) -> Iterator[str]:
    """The read models' database, migrated: the given one, or one of our own in the state folder; its administrator's DSN."""
    if settings.postgres_dsn is not None:
        dsn = settings.postgres_dsn.get_secret_value()
        migrate(dsn, settings.secret_bytes)
        yield dsn
        return
    with embedded_postgres(settings.state / "postgres") as dsn:
        migrate(dsn, settings.secret_bytes)
        yield dsn


@contextmanager
def read_postgres(settings: Settings) -> Iterator[str]:
    """As `open_postgres`, to read only: also where `subledger run` has the one in the state folder, which is left as it is."""
    running = None if settings.postgres_dsn is not None else running_postgres(settings.state / "postgres")
    if running is not None:
        yield running
        return
    with open_postgres(settings) as dsn:
        yield dsn
