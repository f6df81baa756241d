"""The projector's reader states in Postgres: one row a partition, changed by compare-and-set alone."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import psycopg

from infra.eventlog.log import Log
from infra.eventlog.reader import ReaderState

_ADVANCE = """
UPDATE ledger.positions AS p SET state = n.state, sequence = n.sequence
FROM json_to_recordset(%s::json) AS n (partition text, expected text, state text, sequence bigint)
WHERE p.partition = n.partition AND p.state = n.expected
"""


class OtherLog(RuntimeError):
    """The rows come from another log than this one, or this log lost its end: rebuild the read models, or look for the log."""


class OtherProjector(RuntimeError):
    """Somebody else moved a position, or took it away: two projectors run at once, or a rebuild. This one wrote nothing and must
    stop.
    """


class HandedOver(OtherProjector):
    """Somebody else moved a position on: where projectors share the partitions, its former or its next one."""


def load(connection: psycopg.Connection, log: Log) -> dict[str, ReaderState]:
    """The state of each partition of ``log``; the beginning where none is kept yet. Raises OtherLog."""
    fresh = ReaderState()
    rows = [(partition, log.identity(partition), fresh.sequence, fresh.to_json()) for partition in log.partitions]
    with connection.transaction():
        connection.cursor().executemany("INSERT INTO ledger.positions VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", rows)
        kept = connection.execute("SELECT partition, identity, state FROM ledger.positions").fetchall()
    states, ends = {}, log.ends(log.partitions)
    for partition, identity, text in kept:
        if partition not in log.partitions or identity != log.identity(partition):
            raise OtherLog(f"the read models of partition {partition} follow {identity}, which is not this log")
        states[partition] = ReaderState.from_json(text)
        if states[partition].offset > ends[partition]:
            ahead = f"the read models of partition {partition} stand at offset {states[partition].offset}"
            raise OtherLog(f"{ahead}, ahead of the log, which ends at {ends[partition]}: it has lost its end")
    return states


def advance(connection: psycopg.Connection, old: Mapping[str, ReaderState], new: Mapping[str, ReaderState]) -> None:
    """Move each partition from its old state to its new one, in the caller's transaction. Raises OtherProjector, HandedOver."""
    moves = [
        {"partition": name, "expected": old[name].to_json(), "state": state.to_json(), "sequence": state.sequence}
        for name, state in new.items()
    ]
    if connection.execute(_ADVANCE, [orjson.dumps(moves).decode()]).rowcount != len(moves):
        left = connection.execute("SELECT FROM ledger.positions WHERE partition = ANY(%s)", [list(new)]).rowcount
        error = HandedOver if left == len(moves) else OtherProjector
        raise error(f"a position among {sorted(new)} is not where this projector left it")
