"""What the log of a running deployment says, without asking its processes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bench.harness.deployment import Deployment, await_condition
from infra.bootstrap import open_log
from infra.eventlog.log import Log
from infra.eventlog.record import Record
from infra.eventlog.walk import walk

_QUIET_S = 0.5
_POLL_S = 0.1
# Behind the last event stand a few of Kafka's markers at most.
_TAIL = 500
_SETTLE_LIMIT_S = 600.0


@contextmanager
def watched(deployment: Deployment) -> Iterator[Log]:
    """A deployment's log, to be read."""
    with open_log(deployment.settings, must_exist=True) as log:
        yield log


def await_quiet(log: Log) -> float:
    """Wait until nothing more is written, such as charges that follow from commands; when that began, by the monotonic clock."""
    ends, since = _ends(log), time.monotonic()

    def quiet() -> bool:
        nonlocal ends, since
        now = _ends(log)
        if now != ends:
            ends, since = now, time.monotonic()
        return time.monotonic() - since > _QUIET_S

    await_condition(quiet, "the log does not come to rest", _SETTLE_LIMIT_S)
    return since


class Tail:
    """What is written from now on, in all partitions."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._reader = log.reader(_ends(log))

    def behind(self) -> int:
        """How many offsets have been written since the last reading."""
        return sum(end - self._reader.position(partition) for partition, end in _ends(self._log).items())

    def read(self) -> Iterator[Record]:
        """What has been written since the last reading."""
        ends = _ends(self._log)
        while any(self._reader.position(partition) < end for partition, end in ends.items()):
            yield from self._reader.poll(_POLL_S)

    def close(self) -> None:
        self._reader.close()


def events(log: Log) -> int:
    """How many events the log holds: sequences have no gaps, so each partition's last one tells."""
    return sum(_last_sequence(log, partition) for partition in log.partitions)


def await_projected(deployment: Deployment, log: Log) -> None:
    """Wait until every event that the log holds now has its rows."""
    written = events(log)
    with psycopg.connect(deployment.dsn, autocommit=True) as connection:

        def there() -> bool:
            row = connection.execute("SELECT coalesce(sum(sequence), 0) FROM ledger.positions").fetchone()
            return row is not None and row[0] >= written

        await_condition(there, "the projector does not reach the end of the log", _SETTLE_LIMIT_S)


def _last_sequence(log: Log, partition: str) -> int:
    end = log.end(partition)
    reader = log.reader({partition: max(0, end - _TAIL)})
    last = 0
    try:
        while reader.position(partition) < end:
            last = max([last, *(record.sequence for record in reader.poll(_POLL_S) if not record.is_claim)])
    finally:
        reader.close()
    return last


def _ends(log: Log) -> dict[str, int]:
    return log.ends(log.partitions)


def streams(log: Log, event_type: str) -> Counter[str]:
    """How often an event of this type stands in each stream, in the whole log."""
    return Counter(record.attributes["subject"] for record in walk(log) if record.attributes["type"] == event_type)
