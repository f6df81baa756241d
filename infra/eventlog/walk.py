"""Reading whole partitions, as they stand now."""

from __future__ import annotations

from collections.abc import Iterator

from infra.eventlog.log import Log
from infra.eventlog.record import Record

POLL_S = 0.1


def walk(event_log: Log) -> Iterator[Record]:
    """Every committed record, a partition after the other, each up to its end at the time when its reading began."""
    for partition in event_log.partitions:
        end = event_log.end(partition)
        reader = event_log.reader({partition: 0})
        try:
            while reader.position(partition) < end:
                yield from reader.poll(POLL_S)
        finally:
            reader.close()
