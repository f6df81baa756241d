"""A small world on a real broker: topics, owners that number what they write, and readers that apply the readers' rule."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka.admin import AdminClient

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_owner import KafkaOwner
from infra.eventlog.number import number
from infra.eventlog.reader import Claim, Command, Quarantine, Reader, ReaderState, Result
from infra.eventlog.record import Append, Event, Record
from infra.eventlog.topics import Names

ALL = frozenset({"catalog", "0", "1", "2"})


def delete_topics(bootstrap: str, environment: str) -> None:
    names, admin = Names(environment), AdminClient({"bootstrap.servers": bootstrap})
    for deleted in admin.delete_topics([names.events, names.catalog, names.keys]).values():
        deleted.result()


def append(partition: str, name: str, events: int = 1, size: int = 10) -> Append:
    """A command called ``name`` that makes a stream of its own with ``events`` events."""
    value = b'{"pad":"' + os.urandom(size // 2).hex().encode() + b'"}'  # which does not compress well
    made = tuple(Event(f"sub_{name}", version, "subscription.started.v2", value) for version in range(1, events + 1))
    return Append(partition, "acme/cus_1", "acme", f"client:{name}", made)


def read_to_end(log: KafkaLog, partitions: Iterable[str] = ALL) -> list[Record]:
    """All committed records."""
    wanted = list(partitions)
    ends = log.ends(wanted)
    reader = log.reader(dict.fromkeys(wanted, 0))
    records: list[Record] = []
    try:
        while any(reader.position(name) < end for name, end in ends.items()):
            records += reader.poll(0.2)
    finally:
        reader.close()
    return records


def judge(records: Iterable[Record], partition: str) -> tuple[ReaderState, list[Result]]:
    """One partition's records under the readers' rule."""
    reader = Reader()
    results = [result for record in records if record.partition == partition for result in reader.feed(record)]
    return reader.state, results


def commands(results: Iterable[Result]) -> list[str]:
    """The names of the commands that count, in their order."""
    found = [result.records[0].attributes["commandid"] for result in results if isinstance(result, Command)]
    return [command_id.removeprefix("client:") for command_id in found]


def quarantined(results: Iterable[Result]) -> list[Record]:
    return [result.record for result in results if isinstance(result, Quarantine)]


def claims(results: Iterable[Result]) -> list[int]:
    """The terms that count."""
    return [result.record.term for result in results if isinstance(result, Claim)]


def until(true: Callable[[], object], limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, f"not within {limit_s} s"
        time.sleep(0.01)


@dataclass
class Node:
    """An owner, and what the window thread would know: the state of each partition that it has claimed."""

    log: KafkaLog
    owner: KafkaOwner
    states: dict[str, ReaderState] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)

    def poll(self) -> set[str]:
        """What is assigned to this node now."""
        change = self.owner.poll(0.05)
        self.assigned = (self.assigned - change.lost) | change.gained
        for partition in change.lost:
            self.states.pop(partition, None)
        return self.assigned

    def take_over(self, partitions: Iterable[str] = ALL) -> None:
        """Wait for ``partitions``, claim them and read through the claims."""
        wanted = set(partitions)
        until(lambda: wanted <= self.poll())
        read = read_to_end(self.log, wanted)
        for partition in wanted:
            self.owner.claim(partition, judge(read, partition)[0].term + 1, datetime.now(UTC))
        read = read_to_end(self.log, wanted)
        self.states |= {partition: judge(read, partition)[0] for partition in wanted}

    def number(self, appends: Sequence[Append]) -> list[Record]:
        """Records for ``appends``; the states go on."""
        records: list[Record] = []
        for each in appends:
            numbered, self.states[each.partition] = number(
                [each], self.states[each.partition], datetime.now(UTC), self.log.environment
            )
            records += numbered[0].records
        return records

    def write(self, *appends: Append) -> list[Record]:
        """Commit ``appends`` as one window. After a failure the states are as before."""
        before = dict(self.states)
        records = self.number(appends)
        try:
            self.owner.commit(records, {}, frozenset())
        except BaseException:
            self.states = before
            raise
        return records
