"""The projector: follows the log and keeps every read model at a position, rows and reader state in one transaction.

On Kafka projectors share the partitions, by membership in a group. What is handed over is never applied twice: each commit moves
the positions from where it found them, or writes nothing (HandedOver), and then begins from where they are.

It comes back by itself when Postgres or the log do, and breaks off with a Postgres that stalls. It stops, and says why, where
going on could harm: a broken log (LogBroken), an event that does not decode, another log than before (OtherLog), a rebuild or
somebody else who does not share with it (OtherProjector), a missing row (ProjectionBroken).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from threading import Event as Signal

import psycopg
import structlog

from infra.eventlog.log import Log, LogUnavailable
from infra.eventlog.sharing import Share, Whole
from infra.postgres import positions
from infra.postgres.counts import ProjectorCounts
from infra.postgres.decoding import Unseal
from infra.postgres.patience import patient
from infra.postgres.positions import HandedOver
from infra.postgres.session import Session
from infra.postgres.spans import ProjectionSpans
from projections.registry import TABLES

POLL_S = 0.25
BACKOFF_S = (0.1, 0.5, 1.0, 2.0, 5.0)
STILL_S = 5
HAND_OVERS = 20  # in a row, with nothing applied between them: somebody moves the positions who does not share with us

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
    failures, handed_over, counts = 0, 0, counts or ProjectorCounts()

    def session(connection: psycopg.Connection, partitions: frozenset[str]) -> Session:
        states = positions.load(connection, log)
        return Session(connection, log, vault, {name: states[name] for name in partitions}, counts, spans)

    def settled(events: int) -> None:
        nonlocal failures, handed_over
        failures, counts.waiting_for = 0, ""
        if events:
            handed_over = 0
            if on_events is not None:
                on_events(events)

    with closing(log.projectors_share()) as share:
        while not stop.is_set():
            try:
                _follow(dsn, share, session, stop, settled)
            except HandedOver as error:
                handed_over += 1
                if isinstance(share, Whole) or handed_over > HAND_OVERS:
                    raise
                _log.warning("projector_begins_anew", error=error)
                stop.wait(BACKOFF_S[1])
            except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout, LogUnavailable) as error:
                wait_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
                _log.warning("projector_waits", error=error, retry_in_s=wait_s)
                failures, counts.waiting_for = failures + 1, str(error).strip()
                counts.interruptions += 1
                stop.wait(wait_s)


def _follow(
    dsn: str,
    share: Share,
    begin: Callable[[psycopg.Connection, frozenset[str]], Session],
    stop: Signal,
    settled: Progress,
) -> None:
    """One connection's life: a session for each share of the partitions, from the positions kept in Postgres on."""
    with connected(dsn) as connection, patient(connection, stop) as patience:
        while not stop.is_set():
            partitions = share.poll()
            session = begin(connection, partitions)
            try:
                while not stop.is_set() and share.poll() == partitions:
                    settled(session.advance(POLL_S))
                    patience.progress()
                settled(session.settle())
            finally:
                session.close()


def connected(dsn: str) -> psycopg.Connection:
    """A connection that Postgres ends where its process stands still in mid-transaction: its rows are for others to move on."""
    options = f"-c idle_in_transaction_session_timeout={STILL_S}s"
    return psycopg.connect(dsn, autocommit=True, connect_timeout=5, options=options)


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
