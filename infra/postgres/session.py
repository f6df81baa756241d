"""One projector session: a reader and a connection, from known reader states on, batch by batch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import orjson
import psycopg
import structlog

from infra.eventlog.log import Log
from infra.eventlog.reader import Command, Quarantine, Reader, ReaderState
from infra.eventlog.record import Record
from infra.postgres import decoding, positions
from infra.postgres.batch import Batch
from infra.postgres.counts import ProjectorCounts
from infra.postgres.decoding import Unseal
from infra.postgres.spans import ProjectionSpans
from projections.registry import TABLES, project_all

BATCH_RECORDS = 4000
HEARTBEAT_S = 1.0

_QUARANTINE = """
INSERT INTO ledger.quarantine
SELECT * FROM json_populate_recordset(NULL::ledger.quarantine, %s::json) ON CONFLICT DO NOTHING
"""
_HEARTBEAT = """
INSERT INTO ledger.heartbeat SELECT partition, now() - make_interval(secs => %s) FROM unnest(%s::text[]) AS partition ORDER BY 1
ON CONFLICT (partition) DO UPDATE SET caught_up_at = greatest(heartbeat.caught_up_at, excluded.caught_up_at)
"""

_log = structlog.get_logger(__name__)


class ProjectionBroken(RuntimeError):
    """A change did not find the row that it changes: the read models do not follow from the log. Rebuild them."""


@dataclass(slots=True)
class _Step:
    """What some records come to: rows, and each touched partition's state after them. ``read``: the next offsets to be read."""

    read: Mapping[str, int]
    batch: Batch = field(default_factory=lambda: Batch(TABLES))
    quarantined: list[Quarantine] = field(default_factory=list)
    states: dict[str, ReaderState] = field(default_factory=dict)
    events: int = 0
    project_s: float = 0.0
    commands: list[tuple[Record, ...]] = field(default_factory=list)  # where they are traced
    begun_ns: int = 0


class Session:
    """Reads on from ``states`` and commits each batch, while it judges the next one. After any error it is of no use any more:
    close it, begin another.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        log: Log,
        vault: Unseal,
        states: Mapping[str, ReaderState],
        counts: ProjectorCounts | None = None,
        spans: ProjectionSpans | None = None,
    ) -> None:
        self._connection = connection
        self._log = log
        self._vault = vault
        self._counts = counts or ProjectorCounts()
        self._spans = spans
        self._committed = dict(states)
        self._readers = {partition: Reader(state) for partition, state in states.items()}
        self._ends: dict[str, int] = {}  # of the log, as of the time below, that the rows are to reach; none: the next ones asked
        self._ends_at = 0.0
        self._asked_at = -HEARTBEAT_S
        # Python waits for Postgres a third of the time: a thread waits for it, so that the next batch is judged meanwhile.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="projector")
        self._committing: Future[int] | None = None
        self._source = log.reader({partition: state.offset for partition, state in states.items()})

    def close(self) -> None:
        self._writer.shutdown()
        self._source.close()

    def position(self, partition: str) -> int:
        """The next offset to be read; once settled, all commands that end below it are committed."""
        return self._source.position(partition)

    def advance(self, wait_s: float) -> int:
        """Begin to apply what the log has now, at most about a batch; waits up to ``wait_s`` for a first record.

        Gives the events of the batch before, which is committed now. Raises what kept either batch from it.
        """
        self._ask_ends()
        read = {partition: self.position(partition) for partition in self._ends}
        records = self._poll(0 if self._committing else wait_s)
        begun = time.perf_counter()
        step = self._judge(records)
        step.project_s = time.perf_counter() - begun
        events = self.settle()
        self._beat(read)
        if step.states:
            self._committing = self._writer.submit(self._commit, step)
        elif not records:
            self._counts.reached(step.read, self._committed)
        return events

    def settle(self) -> int:
        """Wait for the batch that is being committed and give its events. Raises what kept it from being committed."""
        committing, self._committing = self._committing, None
        return 0 if committing is None else committing.result()

    def _poll(self, wait_s: float) -> Sequence[Record]:
        records = list(self._source.poll(wait_s))
        while records and len(records) < BATCH_RECORDS and (more := self._source.poll(0)):
            records.extend(more)
        return records

    def _judge(self, records: Sequence[Record]) -> _Step:
        """The readers' rule, then the projections. Raises LogBroken, UnhandledEvent, ValueError, VaultError."""
        read = {partition: self._source.position(partition) for partition in self._readers}
        step = _Step(read, begun_ns=time.time_ns())
        for record in records:
            for result in self._readers[record.partition].feed(record):
                match result:
                    case Command(records=accepted):
                        for event_record in accepted:
                            step.batch.extend(project_all(*decoding.read(event_record, self._vault)))
                        step.events += len(accepted)
                        if self._spans is not None:
                            step.commands.append(accepted)
                    case Quarantine():
                        step.quarantined.append(result)
        for partition in {record.partition for record in records}:
            state = self._readers[partition].state
            if state != self._committed[partition]:
                step.states[partition] = state
        return step

    def _commit(self, step: _Step) -> int:
        """Rows and states, or neither; gives the events. Raises OtherProjector, ProjectionBroken, psycopg's errors."""
        begun = time.perf_counter()
        with self._connection.transaction():
            positions.advance(self._connection, self._committed, step.states)
            with self._connection.pipeline():
                done = [
                    (statement, self._connection.execute(statement.sql, [statement.json]))
                    for statement in step.batch.statements()
                ]
            for statement, cursor in done:
                if cursor.rowcount != statement.rows:
                    raise ProjectionBroken(f"{cursor.rowcount} rows of {statement.rows} were there for: {statement.sql}")
            if step.quarantined:
                self._connection.execute(_QUARANTINE, [_quarantine_rows(step.quarantined)])
        self._committed |= step.states
        self._counts.applied(step.events, step.quarantined, step.project_s, time.perf_counter() - begun)
        self._counts.reached(step.read, self._committed)
        if self._spans is not None:
            self._spans.applied(step.commands, step.events, step.begun_ns)
        for quarantine in step.quarantined:
            record = quarantine.record
            _log.error(
                "record_quarantined",
                partition=record.partition,
                offset=record.offset,
                record=record.attributes.get("id"),
                kind=quarantine.kind,
                reason=quarantine.reason,
            )
        return step.events

    def _ask_ends(self) -> None:
        """Once a second, even while older ends are not reached: that nothing comes may mean that the log is away. Raises
        LogUnavailable.
        """
        now = time.monotonic()
        if now - self._asked_at >= HEARTBEAT_S:
            self._asked_at = now
            ends = self._log.ends(self._committed)
            if not self._ends:
                self._ends, self._ends_at = ends, now

    def _beat(self, committed: Mapping[str, int]) -> None:
        """Note since when the rows hold all that the log held, once they do; ``committed`` are the offsets that they stand at."""
        if self._ends and all(committed[partition] >= end for partition, end in self._ends.items()):
            self._connection.execute(_HEARTBEAT, [time.monotonic() - self._ends_at, list(self._ends)])
            self._ends = {}


def _quarantine_rows(quarantined: Sequence[Quarantine]) -> str:
    rows = [
        {
            "partition": quarantine.record.partition,
            "offset": quarantine.record.offset,
            "record": quarantine.record.attributes.get("id", ""),
            "kind": quarantine.kind,
            "reason": quarantine.reason,
        }
        for quarantine in quarantined
    ]
    return orjson.dumps(rows).decode()
