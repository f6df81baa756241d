"""The same projector on Kafka: the same facts there give the same digest."""

from __future__ import annotations

from pathlib import Path

import psycopg

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.topics import create
from infra.eventlog.transfer import export, load
from infra.postgres.digest import digest
from infra.postgres.projector import project_to_end
from infra.postgres.roles import projector_dsn
from projections.registry import TABLES
from tests.read_models.story import PARTITIONS, FakeVault, Writer, tell


def test_both_logs_give_one_digest(tmp_path: Path, admin_dsn: str, kafka_bootstrap: str, kafka_environment: str) -> None:
    embedded = SqliteLog(tmp_path / "log.sqlite", kafka_environment, PARTITIONS)
    writer = Writer(embedded)
    writer.write(list(tell()))
    writer.close()
    dsn = projector_dsn(admin_dsn)
    project_to_end(embedded, dsn, FakeVault())
    expected = digest(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"TRUNCATE {', '.join(f'ledger.{name}' for name in (*TABLES, 'positions'))}".encode())

    create(kafka_bootstrap, kafka_environment, PARTITIONS, 1, 1)
    export(embedded, tmp_path / "export.ndjson", lambda _records: None)
    kafka = KafkaLog(kafka_bootstrap, kafka_environment, "test")
    load(kafka, tmp_path / "export.ndjson", lambda _records: None)
    project_to_end(kafka, dsn, FakeVault())
    assert digest(dsn) == expected
    kafka.close()
    embedded.close()
