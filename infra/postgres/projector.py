"""The projector: follows the log and keeps every read model at a position, rows and reader state in one transaction.

It comes back by itself when Postgres or the log do, and breaks off with a Postgres that stalls. It stops, and says why, where
going on could harm: a broken log (LogBroken), an event that does not decode, another log than before (OtherLog), a second
projector (OtherProjector), a missing row (ProjectionBroken).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Signal

import psycopg
import structlog

from infra.eventlog.log import Log, LogUnavailable
from infra.postgres import positions
from infra.postgres.counts import ProjectorCounts
from infra.postgres.decoding import Unseal
from infra.postgres.patience import patient
from infra.postgres.session import Session
from infra.postgres.spans import ProjectionSpans
from projections.registry import TABLES

POLL_S = 0.25
BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)

_log = structlog.get_logger(__name__)
Progress = Callable[[int], None]


def run_projector(
    log: Log,
    dsn: str,
    vault: Unseal,
    stop: Signal,
    on_events: Progress | None = None,
    counts: ProjectorCounts | None = None,
    spans: ProjectionSpans | None = None,
) -> None:
    """Project until ``stop`` is set; ``dsn`` is the projector role's. ``on_events`` hears how many events each commit applied,
    ``counts`` shows meanwhile how far it is.
    """
    failures, counts = 0, counts or ProjectorCounts()

    def session(connection: psycopg.Connection) -> Session:
        return Session(connection, log, vault, positions.load(connection, log), counts, spans)

    def settled(events: int) -> None:
        nonlocal failures
        failures, counts.waiting_for = 0, ""
        if on_events is not None and events:
            on_events(events)

    while not stop.is_set():
        try:
            _follow(dsn, session, stop, settled)
        except (psycopg.OperationalError, LogUnavailable) as error:
            wait_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            _log.warning("projector_waits", error=error, retry_in_s=wait_s)
            failures, counts.waiting_for = failures + 1, str(error).strip()
            counts.interruptions += 1
            stop.wait(wait_s)


def _follow(dsn: str, begin: Callable[[psycopg.Connection], Session], stop: Signal, settled: Progress) -> None:
    """One connection's life: from the positions kept in Postgres on."""
    with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection, patient(connection, stop) as patience:
        session = begin(connection)
        try:
            while not stop.is_set():
                settled(session.advance(POLL_S))
                patience.progress()
            settled(session.settle())
        finally:
            session.close()


def project_to_end(log: Log, dsn: str, vault: Unseal, on_events: Progress | None = None) -> None:
    """Project what is in the log now, then return. Raises what ``run_projector`` waits for."""

    def told(events: int) -> None:
        if on_events is not None and events:
            on_events(events)

    with psycopg.connect(dsn, autocommit=True) as connection:
        states = positions.load(connection, log)
        ends = log.ends(states)
        session = Session(connection, log, vault, states)
        try:
            while any(session.position(partition) < end for partition, end in ends.items()):
                told(session.advance(POLL_S))
            told(session.settle())
        finally:
            session.close()


def rebuild(log: Log, dsn: str, vault: Unseal, on_events: Progress | None = None) -> None:
    """Empty all read models and their positions at once, then project the log from its start to its present end.

    A projector that runs meanwhile finds its position gone and stops (OtherProjector).
    """
    tables = ", ".join(f"ledger.{name}" for name in (*TABLES, "positions", "quarantine", "heartbeat"))
    with psycopg.connect(dsn) as connection:
        connection.execute(f"TRUNCATE {tables}".encode())
    project_to_end(log, dsn, vault, on_events)
