"""What a ledger's log says that nobody else writes to, as events."""

from __future__ import annotations

from collections.abc import Iterator

from domain.event import Event
from domain.registry import decode
from infra.eventlog.log import Log
from infra.eventlog.record import CATALOG

_POLL_S = 0.1


class History:
    """Reads on from where it stopped; ``events`` counts what it gave. There is one owner, so that every record counts."""

    def __init__(self, log: Log) -> None:
        self.events = 0
        self._log = log
        self._places = {partition: 0 for partition in log.partitions if partition != CATALOG}

    def read(self) -> Iterator[Event]:
        """The customers' events up to the log's present end, each stream's in order."""
        ends = self._log.ends(list(self._places))
        reader = self._log.reader(self._places)
        try:
            while any(reader.position(partition) < end for partition, end in ends.items()):
                for record in reader.poll(_POLL_S):
                    if not record.is_claim:
                        found = record.attributes
                        self.events += 1
                        yield decode(found["subject"], int(found["streamversion"]), found["type"], record.value)
            self._places = {partition: reader.position(partition) for partition in self._places}
        finally:
            reader.close()
