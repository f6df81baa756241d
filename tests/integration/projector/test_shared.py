"""Projectors that share the partitions on Kafka: each has a part, and what is handed over is applied once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.topics import create
from infra.eventlog.transfer import export, load
from infra.postgres.digest import digest
from infra.postgres.projector import rebuild
from infra.postgres.roles import projector_dsn
from tests.integration.kafka.support import delete_topics, until
from tests.read_models.story import PARTITIONS, FakeVault, Writer, tell

ROOT = Path(__file__).parents[3]
ALL = PARTITIONS + 1
# It says what it has whenever that changes, and when it is about to commit, and stays there for a while: before the transaction
# or within it.
PROJECT = """
import sys, time
from threading import Event
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_membership import GroupShare
from infra.postgres import positions, session
from infra.postgres.projector import run_projector
from tests.read_models.story import FakeVault

bootstrap, environment, dsn, stays, stay_s = sys.argv[1:]
poll, had = GroupShare.poll, None

def told(share):
    global had
    have = poll(share)
    if have != had:
        had = have
        print("has", len(have), flush=True)
    return have

def staying(commit):
    def stayed(*arguments):
        print("commits", flush=True)
        time.sleep(float(stay_s))
        return commit(*arguments)
    return stayed

GroupShare.poll, session.BATCH_RECORDS = told, 3
if stays == "before":
    session.Session._commit = staying(session.Session._commit)
if stays == "within":
    positions.advance = staying(positions.advance)
run_projector(KafkaLog(bootstrap, environment), dsn, FakeVault(), Event())
"""


@pytest.fixture
def log(kafka_bootstrap: str, kafka_environment: str, tmp_path: Path) -> Iterator[KafkaLog]:
    """The story, on Kafka."""
    embedded = SqliteLog(tmp_path / "log.sqlite", kafka_environment, PARTITIONS)
    writer = Writer(embedded)
    writer.write(list(tell()))
    writer.close()
    create(kafka_bootstrap, kafka_environment, PARTITIONS, 1, 1)
    export(embedded, tmp_path / "export.ndjson", lambda _: None)
    embedded.close()
    kafka = KafkaLog(kafka_bootstrap, kafka_environment, "test")
    load(kafka, tmp_path / "export.ndjson", lambda _: None)
    yield kafka
    delete_topics(kafka_bootstrap, kafka_environment)


@contextmanager
def projector(
    bootstrap: str, log: KafkaLog, dsn: str, output: Path, stays: str = "", stay_s: float = 0
) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PROJECT, bootstrap, log.environment, dsn, stays, str(stay_s)]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def has(output: Path) -> int:
    """How many partitions it has."""
    told = [line for line in output.read_text().splitlines() if line.startswith("has ")]
    return int(told[-1].split()[1]) if told else 0


def applied(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM ledger.history").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.slow
@pytest.mark.parametrize(("stays", "says"), [("before", "projector_begins_anew"), ("within", "projector_waits")])
def test_one_that_stood_still_past_its_session_applies_nothing_of_what_went_to_another(
    stays: str, says: str, log: KafkaLog, admin_dsn: str, kafka_bootstrap: str, tmp_path: Path
) -> None:
    dsn, first, second = projector_dsn(admin_dsn), tmp_path / "first.out", tmp_path / "second.out"
    events = sum(len(command.events) for command in tell())
    # given a projector with all partitions that stands still when it is about to commit
    with projector(kafka_bootstrap, log, dsn, first, stays, 2) as still:
        until(lambda: "commits" in first.read_text(), limit_s=60)
        assert has(first) == ALL
        still.send_signal(signal.SIGSTOP)
        assert applied(dsn) < events
        with projector(kafka_bootstrap, log, dsn, second):
            # when another has got them, and applied everything
            until(lambda: applied(dsn) == events, limit_s=90)
            assert has(second) == ALL
            still.send_signal(signal.SIGCONT)
            # then the first one notices, and both share them from then on
            until(lambda: says in first.read_text(), limit_s=60)
            until(lambda: has(first) + has(second) == ALL and 0 < has(first) < ALL, limit_s=60)
            assert still.poll() is None
    found = digest(dsn)
    rebuild(log, dsn, FakeVault())
    assert digest(dsn) == found
