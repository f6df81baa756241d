"""Write-ahead logs of indexes: kept short beside a writer that never rests, and nobody waits for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from infra.eventlog import checkpoints
from infra.eventlog.checkpoints import Checkpoints, checkpoint
from infra.eventlog.index_queries import connect
from tests.integration.kafka.support import until


def write(connection: sqlite3.Connection, rows: int) -> None:
    for _ in range(rows):
        connection.execute("INSERT INTO t VALUES (randomblob(2000))")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "index.sqlite"
    with connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    return path


def test_what_is_in_the_file_is_written_over_in_its_log(path: Path) -> None:
    writer, wal = connect(path), path.with_name("index.sqlite-wal")
    write(writer, 1000)
    size = wal.stat().st_size
    for _ in range(5):
        checkpoint(path)
        write(writer, 100)
    assert wal.stat().st_size == size
    assert path.stat().st_size > 2_000_000


def test_a_thread_does_it_beside_a_writer_in_mid_transaction_and_a_reader(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.01)
    writer, reader = connect(path), connect(path)
    write(writer, 1000)
    writer.execute("BEGIN IMMEDIATE")
    write(writer, 1)
    thread = Checkpoints()
    thread.add(path)
    thread.start()
    until(lambda: path.stat().st_size > 2_000_000)
    assert reader.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    writer.execute("COMMIT")
    thread.close()


def test_a_file_that_is_gone_is_not_made_again_and_does_not_end_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.01)
    gone = path.with_name("gone.sqlite")
    writer = connect(path)
    write(writer, 1000)
    thread = Checkpoints()
    thread.add(gone)
    thread.add(path)
    thread.start()
    until(lambda: path.stat().st_size > 2_000_000)
    thread.close()
    assert not gone.exists()
