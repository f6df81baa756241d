"""A migrated database and an embedded log that tells the story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.eventlog.sqlite import SqliteLog
from infra.postgres.migrate import migrate
from tests.read_models.story import PARTITIONS, Writer, tell


@pytest.fixture
def admin_dsn(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    return postgres_dsn


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS)
    yield log
    log.close()


@pytest.fixture
def writer(log: SqliteLog) -> Iterator[Writer]:
    writer = Writer(log)
    yield writer
    writer.close()


@pytest.fixture
def told(log: SqliteLog, writer: Writer) -> SqliteLog:
    """The log, after the whole story."""
    writer.write(list(tell()))
    return log
