"""A projector that is killed at any moment: whoever goes on comes to the rows of a rebuild."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from infra.eventlog.sqlite import SqliteLog
from infra.postgres.digest import digest
from infra.postgres.projector import project_to_end, rebuild
from infra.postgres.roles import projector_dsn
from tests.read_models.story import FakeVault

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
# Batches as small as can be, so that there is much to be killed between.
PROJECT = """
import sys
from pathlib import Path
from threading import Event
from infra.eventlog.sqlite import SqliteLog
from infra.postgres import session
from infra.postgres.projector import run_projector
from tests.read_models.story import FakeVault
from infra.eventlog import sqlite
session.BATCH_RECORDS, sqlite.POLL_LIMIT = 3, 3
run_projector(SqliteLog(Path(sys.argv[1])), sys.argv[2], FakeVault(), Event())
"""


def events(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM ledger.history").fetchone()
        assert row is not None
        return int(row[0])


def test_killed_at_any_moment_nothing_is_lost_or_applied_twice(told: SqliteLog, admin_dsn: str) -> None:
    dsn, deaths = projector_dsn(admin_dsn), []
    for goal in (5, 30, 60):
        process = subprocess.Popen(
            [sys.executable, "-c", PROJECT, str(told.path), dsn], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        deadline = time.monotonic() + 30
        while events(dsn) < goal and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        deaths.append(events(dsn))
    project_to_end(told, dsn, FakeVault())
    found = digest(dsn)
    assert deaths[0] < found.tables["history"].rows, "the first was killed too late to show anything"
    rebuild(told, dsn, FakeVault())
    assert digest(dsn) == found
