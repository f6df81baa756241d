"""The analysts' 15 lines judge as the ledger's own reader does, whatever stands in a partition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.eventlog.kafka_message import headers_of
from infra.eventlog.reader import Command, LogBroken, Reader, ReaderState
from infra.eventlog.record import Record
from tests.docs.pages import function
from tests.unit.eventlog.chain import Chain

Counted = list[str]
BROKEN = "stop and call somebody"

counted = function("analysts.md", "counted.py", "counted")
content_hash = function("analysts.md", "recompute.py", "content_hash")


def as_read(records: Iterable[Record]) -> Iterator[tuple[dict[str, str], bytes]]:
    for record in records:
        yield dict(headers_of(record)), record.value


def by_the_page(records: Sequence[Record]) -> Counted:
    """Ids of what counts."""
    try:
        return [headers["ce_id"] for headers, _ in counted(as_read(records))]
    except RuntimeError:
        return [BROKEN]


def by_the_ledger(records: Sequence[Record]) -> Counted:
    reader, found = Reader(), []
    try:
        for record in records:
            for result in reader.feed(record):
                if isinstance(result, Command):
                    found += [event.attributes["id"] for event in result.records]
    except LogBroken:
        return [BROKEN]
    return found


class Partition:
    """A partition in which everything happens that may happen."""

    def __init__(self) -> None:
        self.chain = Chain()
        self.names = 0
        self.chain.claim(1)

    def events(self, count: int) -> list[tuple[str, int]]:
        self.names += 1
        return [(f"sub_{self.names}", version) for version in range(1, count + 1)]

    def command(self) -> None:
        self.chain.command(*self.events(2))

    def takeover(self) -> None:
        self.chain.claim(self.chain.state.term + 1)

    def old_claim(self) -> None:
        self.chain.claim_unheard(self.chain.state.term)

    def cut_command(self) -> None:
        """A command of which the first event alone arrives before the next claim."""
        before = self.chain.state
        self.chain.command(*self.events(2))
        self.chain.records.pop()
        self.chain.state = before
        self.takeover()

    def zombie(self) -> None:
        before = self.chain.state
        self.takeover()
        self.chain.zombie(before, *self.events(2))

    def twice(self) -> None:
        self.chain.store(self.chain.records[-1])

    def gap(self) -> None:
        self.command()
        self.chain.records.pop()
        self.command()

    def unclaimed(self) -> None:
        later = ReaderState(sequence=self.chain.state.sequence, term=self.chain.state.term + 1, chain=self.chain.state.chain)
        self.chain.zombie(later, *self.events(1))

    def fork(self) -> None:
        """The same term again, from an older state: another chain."""
        other = ReaderState(sequence=self.chain.state.sequence, term=self.chain.state.term, chain="f" * 64)
        self.chain.zombie(other, *self.events(1))


HARMLESS = ("command", "takeover", "old_claim", "cut_command", "zombie", "twice")
FATAL = ("gap", "unclaimed", "fork")


@given(st.lists(st.sampled_from(HARMLESS), max_size=12))
def test_the_same_events_count(steps: list[str]) -> None:
    partition = Partition()
    for step in steps:
        getattr(partition, step)()
    records = partition.chain.records
    assert by_the_page(records) == by_the_ledger(records) != [BROKEN]


@pytest.mark.parametrize("fault", FATAL)
def test_it_stops_where_the_ledger_stops(fault: str) -> None:
    partition = Partition()
    partition.command()
    getattr(partition, fault)()
    assert by_the_page(partition.chain.records) == by_the_ledger(partition.chain.records) == [BROKEN]


def test_the_hash_can_be_recomputed_from_the_page() -> None:
    partition = Partition()
    partition.command()
    partition.takeover()
    for headers, value in as_read(partition.chain.records):
        assert content_hash(headers, value) == headers["ce_hash"]
        assert content_hash(headers, value + b" ") != headers["ce_hash"]
