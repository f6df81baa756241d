"""Since when the rows hold all that the log held: what ``Stale-Since`` is told by."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from infra.eventlog.log import LogUnavailable
from infra.eventlog.sqlite import SqliteLog
from infra.postgres import positions
from infra.postgres.roles import projector_dsn
from infra.postgres.session import Session
from tests.read_models.story import FakeVault, Writer, tell


@pytest.fixture
def connection(admin_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(projector_dsn(admin_dsn), autocommit=True) as connection:
        yield connection


@pytest.fixture
def session(admin_dsn: str, log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """On a connection that is its alone: what it commits in its thread may be under way there."""
    monkeypatch.setattr("infra.postgres.session.HEARTBEAT_S", 0.0)
    with psycopg.connect(projector_dsn(admin_dsn), autocommit=True) as own:
        session = Session(own, log, FakeVault(), positions.load(own, log))
        yield session
        session.close()


def caught_up(connection: psycopg.Connection) -> bool:
    fresh = connection.execute("SELECT FROM ledger.heartbeat WHERE caught_up_at > now() - interval '5 s'")
    return fresh.rowcount == connection.execute("SELECT FROM ledger.positions").rowcount


def test_rows_that_keep_up_with_a_log_that_never_rests_are_fresh(
    writer: Writer, session: Session, connection: psycopg.Connection
) -> None:
    for command in list(tell())[:5]:
        writer.write([command])
        session.advance(0)
    assert caught_up(connection)


def test_rows_that_lag_behind_are_not(writer: Writer, session: Session, connection: psycopg.Connection) -> None:
    # given a log with more than was read when its end was asked
    writer.write(list(tell()))
    session.advance(0)
    assert not caught_up(connection)
    # when all of that is committed, then they are
    session.advance(0)
    assert caught_up(connection)


def test_a_log_that_gives_nothing_because_it_is_away_leaves_them_stale(
    log: SqliteLog, session: Session, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> dict[str, int]:
        raise LogUnavailable("no broker")

    monkeypatch.setattr(log, "ends", away)
    with pytest.raises(LogUnavailable):
        session.advance(0)
    assert not caught_up(connection)


def test_a_log_that_goes_away_before_it_gave_what_it_had_is_found_out(
    log: SqliteLog, writer: Writer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> dict[str, int]:
        raise LogUnavailable("no broker")

    # given an end that was told, and is not reached
    writer.write(list(tell()))
    session.advance(0)
    # when the log goes away, then that is seen while the end is still awaited
    monkeypatch.setattr(log, "ends", away)
    with pytest.raises(LogUnavailable):
        session.advance(0)
