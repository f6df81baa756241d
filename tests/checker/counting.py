"""The readers' rule as docs/analysts.md tells it to outsiders, with every hash computed: which records of a partition count."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from tests.checker.history import Record, Violation

RULE = "chain"
CLAIM = "ledger.partition_claimed.v1"
NO_HASH = "0" * 64
# docs/auditors.md: the order in which the attributes enter the hash.
ORDER = (
    "id", "source", "type", "subject", "time", "dataschema", "partitionkey", "sequence", "streamversion", "term", "tenant",
    "storefront", "actor", "reason", "commandid", "commandindex", "commandcount", "fingerprint", "catalogsequence", "traceparent",
)  # fmt: skip
_SAME_IN_A_COMMAND = ("ce_commandid", "ce_commandcount", "ce_partitionkey")
_NUMBERS = ("ce_sequence", "ce_streamversion", "ce_commandindex", "ce_commandcount")


@dataclass(frozen=True, slots=True)
class Event:
    """A record that counts, with the numbers of its headers. ``scope`` is the tenant and customer, or the tenant."""

    record: Record
    sequence: int
    stream: str
    version: int

    @property
    def type(self) -> str:
        return self.record.headers["ce_type"]

    @property
    def scope(self) -> str:
        return self.record.key


@dataclass(frozen=True, slots=True)
class Command:
    """All events of a command that counts. ``id`` is unique in ``scope``."""

    scope: str
    id: str
    events: tuple[Event, ...]

    @property
    def last(self) -> Event:
        return self.events[-1]

    @property
    def position(self) -> str:
        return f"{self.last.record.partition}@{self.last.sequence}"

    def __str__(self) -> str:
        return f"{self.id[:24]} at {self.position} of {self.scope}"


@dataclass(frozen=True, slots=True)
class Boundary:
    """Where a reader stands between two commands, having read all below ``offset``."""

    offset: int
    sequence: int
    term: int
    chain: str


@dataclass(slots=True)
class Partition:
    """What counts in one partition, as far as it can be judged."""

    name: str
    commands: list[Command] = field(default_factory=list)
    claims: list[Record] = field(default_factory=list)
    passed_over: list[tuple[Record, str]] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=lambda: [Boundary(0, 0, 0, NO_HASH)])
    violations: list[Violation] = field(default_factory=list)

    @property
    def events(self) -> Iterator[Event]:
        return (event for command in self.commands for event in command.events)

    @property
    def sequence(self) -> int:
        return self.boundaries[-1].sequence

    def at(self, offset: int) -> Boundary:
        """Where a reader stands that has read all below ``offset``: after the last whole command."""
        return self.boundaries[bisect_right(self.boundaries, offset, key=lambda boundary: boundary.offset) - 1]


class Broken(Exception):
    """The log contradicts itself: what comes after it cannot be judged."""


def count(name: str, records: Sequence[Record], *, fenced: bool) -> Partition:
    """Judge a partition's records from its start; of a contradiction the first is told, and the rest left alone."""
    counting = _Counting(name)
    for record in records:
        try:
            counting.read(record)
        except Broken as broken:
            counting.found.violations.append(Violation(RULE, str(broken), (str(record),)))
            return counting.found
    counting.finish(fenced)
    return counting.found


class _Counting:
    def __init__(self, name: str) -> None:
        self.found = Partition(name)
        self._offset = -1
        self._term = 0
        self._sequence = 0  # of the last event read, in a command that may not be whole yet
        self._chain = NO_HASH
        self._open: list[Event] = []

    def read(self, record: Record) -> None:
        if record.offset <= self._offset:
            raise Broken(f"offset {record.offset} after {self._offset}")
        self._offset = record.offset
        term = _number(record, "ce_term")
        if not term or not record.headers.get("ce_type"):
            self._pass_over(record, "foreign")
        elif record.headers["ce_type"] == CLAIM:
            self._claim(record, term)
        elif term < self._term:
            self._pass_over(record, "older term")
        elif term > self._term:
            raise Broken(f"term {term} was not claimed; the last claim that counts is of term {self._term}")
        else:
            self._event(record)

    def finish(self, fenced: bool) -> None:
        """At the end: no command may be left half, and a log with a fence holds nothing that does not count, but claims."""
        violations = self.found.violations
        if self._open:
            violations.append(Violation(RULE, "the log ends within a command", _shown(self._open)))
        for record, why in self.found.passed_over:
            if why in ("foreign", "duplicate") or (fenced and record.headers.get("ce_type") != CLAIM):
                violations.append(Violation(RULE, f"a record that does not count: {why}", (str(record),)))

    def _claim(self, record: Record, term: int) -> None:
        if term <= self._term:
            self._pass_over(record, "older term")
            return
        if record.headers.get("ce_subject") != self.found.name:
            raise Broken("a claim of another partition")
        if record.headers.get("ce_hash") != content_hash(record):
            raise Broken("the claim's hash is not that of its content")
        self.found.passed_over += [(event.record, "incomplete") for event in self._open]
        self._open.clear()
        before = self.found.boundaries[-1]
        self._term, self._sequence = term, before.sequence
        self._chain = sha256((before.chain + record.headers["ce_hash"]).encode()).hexdigest()
        self.found.claims.append(record)
        self._stand()

    def _event(self, record: Record) -> None:
        sequence, version, index, count = (_required(record, name) for name in _NUMBERS)
        if sequence <= self._sequence:
            self._pass_over(record, "duplicate")
            return
        if sequence != self._sequence + 1:
            raise Broken(f"sequence {sequence} after {self._sequence}: something is missing")
        if record.headers.get("ce_previoushash") != self._chain:
            raise Broken("the previous hash is not that of what stands before")
        if record.headers.get("ce_hash") != content_hash(record):
            raise Broken("the hash is not that of the content")
        if record.key != record.headers.get("ce_partitionkey"):
            raise Broken("the record's key is not its partition key")
        if index != len(self._open) + 1 or index > count:
            raise Broken(f"event {index} of {count} of a command of which {len(self._open)} came before")
        if self._open and any(_differs(record, self._open[0].record, name) for name in _SAME_IN_A_COMMAND):
            raise Broken("an event within another command")
        self._sequence, self._chain = sequence, record.headers["ce_hash"]
        self._open.append(Event(record, sequence, record.headers.get("ce_subject", ""), version))
        if index == count:
            self.found.commands.append(Command(record.key, record.headers.get("ce_commandid", ""), tuple(self._open)))
            self._open.clear()
            self._stand()

    def _pass_over(self, record: Record, why: str) -> None:
        self.found.passed_over.append((record, why))
        if not self._open:
            self._stand()

    def _stand(self) -> None:
        self.found.boundaries.append(Boundary(self._offset + 1, self._sequence, self._term, self._chain))


def content_hash(record: Record) -> str:
    """What ce_hash must be (docs/auditors.md); a claim has no previous hash and is hashed after 64 zeros."""
    digest = sha256(record.headers.get("ce_previoushash", NO_HASH).encode())
    for name in ORDER:
        if (text := record.headers.get(f"ce_{name}")) is not None:
            digest.update(f"\n{name}:{len(text.encode())}:{text}".encode())
    digest.update(b"\n\n" + record.value)
    return digest.hexdigest()


def _number(record: Record, name: str) -> int:
    text = record.headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _required(record: Record, name: str) -> int:
    number = _number(record, name)
    if not number:
        raise Broken(f"{name} is {record.headers.get(name)!r}")
    return number


def _differs(one: Record, other: Record, name: str) -> bool:
    return one.headers.get(name) != other.headers.get(name)


def _shown(events: Sequence[Event]) -> tuple[str, ...]:
    return tuple(str(event.record) for event in events)
