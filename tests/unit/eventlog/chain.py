"""Given: the records of one partition as its owners wrote them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from infra.eventlog.number import claim_record, number, stored
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Event, Record, content_hash

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "subscription.started.v1"


def append(
    *events: tuple[str, int], partition: str = "0", command: str = "", key: str = "acme/cus_1", catalog_sequence: int = 0
) -> Append:
    """An append of events given as (stream, version)."""
    name = command or "client:" + "+".join(f"{stream}/{version}" for stream, version in events)
    made = tuple(Event(stream, version, TYPE, b'{"n":%d}' % version) for stream, version in events)
    return Append(partition, key, "acme", name, made, catalog_sequence=catalog_sequence)


class Chain:
    """Writes as an owner would: a claim, then commands under its term."""

    def __init__(self, partition: str = "0") -> None:
        self.partition = partition
        self.records: list[Record] = []
        self.state = ReaderState()
        self.now = NOW

    def claim(self, term: int) -> Record:
        record = self._store(claim_record(self.partition, term, self.now, "sandbox", "node:1", ()))
        self.state = self.state.with_claim(record)
        return record

    def claim_unheard(self, term: int) -> Record:
        """A claim that the present owner knows nothing of."""
        return self._store(claim_record(self.partition, term, self.now, "sandbox", "node:2", ()))

    def command(self, *events: tuple[str, int], catalog_sequence: int = 0) -> tuple[Record, ...]:
        """One command of events given as (stream, version)."""
        self.now += timedelta(seconds=1)
        one = append(*events, partition=self.partition, catalog_sequence=catalog_sequence)
        [numbered], self.state = number([one], self.state, self.now, "sandbox")
        return tuple(self._store(record) for record in numbered.records)

    def zombie(self, state: ReaderState, *events: tuple[str, int]) -> tuple[Record, ...]:
        """What a former owner, who still believes in ``state``, writes behind the fence."""
        [numbered], _ = number([append(*events, partition=self.partition)], state, self.now, "sandbox")
        return tuple(self._store(record) for record in numbered.records)

    def store(self, record: Record) -> Record:
        """Write ``record`` as it is."""
        return self._store(record)

    def _store(self, record: Record) -> Record:
        self.records.append(stored(record, len(self.records)))
        self.state = replace(self.state, offset=len(self.records))
        return self.records[-1]


def rehashed(record: Record, **attributes: str) -> Record:
    """``record`` with other attributes, and the hash that fits them."""
    changed = {**record.attributes, **attributes}
    return replace(record, attributes=changed, hash=content_hash(record.previous_hash, changed, record.value))
