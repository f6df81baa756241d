"""The readers' rule: which records of a partition count. One code for index, projector, auditor and analyst; pure.

A reader is fed a partition's records in the order of their offsets:

- A claim counts if its term is greater than the last; its hash is folded into the chain. It drops a command begun before it.
- An event counts if its term is the counted claim's, its ``previoushash`` is the chain and its sequence is last + 1.
- The events of a command (``commandindex`` 1..``commandcount``, one ``commandid``) count all or none.
- A record of an older term, a duplicate, or one that is not ours is quarantined: reported, never applied.
- A gap, a broken chain or a wrong hash under the current term raises LogBroken: stop, never skip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

import orjson

from infra.eventlog.record import GENESIS, Record, content_hash

Kind = Literal["foreign", "older-term", "duplicate", "incomplete"]


class LogBroken(Exception):
    """The log contradicts itself at ``record``; nothing after it may be applied before somebody has looked."""

    def __init__(self, record: Record, reason: str) -> None:
        self.record = record
        self.reason = reason
        super().__init__(record, reason)

    def __str__(self) -> str:
        name = self.record.attributes.get("id", "?")
        return f"partition {self.record.partition}, offset {self.record.offset}, {name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What a reader knows at a boundary between commands; kept whole wherever a position is kept.

    ``offset`` is the next one to judge, ``sequence`` the last counted event's (0: none), ``term`` and ``claim`` (its hash) the
    counted claim's, ``chain`` the hash that the next event must name, ``time`` the last counted event's.
    """

    offset: int = 0
    sequence: int = 0
    term: int = 0
    claim: str = ""
    chain: str = GENESIS
    time: str = ""
    catalog_sequence: int = 0

    def to_json(self) -> str:
        return orjson.dumps(self).decode()

    @classmethod
    def from_json(cls, text: str) -> ReaderState:
        return cls(**orjson.loads(text))

    def with_claim(self, claim: Record) -> ReaderState:
        """The state after ``claim`` has counted."""
        chain = sha256((self.chain + claim.hash).encode()).hexdigest()
        return replace(self, term=claim.term, claim=claim.hash, chain=chain, offset=max(self.offset, claim.offset + 1))

    def with_event(self, event: Record) -> ReaderState:
        """The state after ``event``, which must be the next."""
        attributes = event.attributes
        return ReaderState(
            offset=max(self.offset, event.offset + 1),
            sequence=self.sequence + 1,
            term=self.term,
            claim=self.claim,
            chain=event.hash,
            time=attributes.get("time", ""),
            catalog_sequence=int(attributes.get("catalogsequence", self.catalog_sequence)),
        )


@dataclass(frozen=True, slots=True)
class Command:
    """All events of one command, counted together."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A counted claim."""

    record: Record


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A record that does not count, and why."""

    record: Record
    kind: Kind
    reason: str


Result = Command | Claim | Quarantine


class Reader:
    """Judges the records of one partition. ``state`` never stands inside a command."""

    def __init__(self, state: ReaderState | None = None) -> None:
        self._state = state or ReaderState()
        self._ahead = self._state  # after the events of a command that is not complete yet
        self._buffer: list[Record] = []

    @property
    def state(self) -> ReaderState:
        return self._state

    @property
    def incomplete(self) -> tuple[Record, ...]:
        """The events read so far of a command whose end has not come."""
        return tuple(self._buffer)

    def feed(self, record: Record) -> list[Result]:
        """Judge the next record. Raises LogBroken."""
        term = _term(record)
        if term is None:
            return [self._pass_over(Quarantine(record, "foreign", "not a record of this log"))]
        if record.is_claim:
            return self._claim(record, term)
        if term < self._state.term:
            reason = f"term {term} is older than the claimed term {self._state.term}"
            return [self._pass_over(Quarantine(record, "older-term", reason))]
        if term > self._state.term:
            raise LogBroken(record, f"term {term} was never claimed; the last claim was for term {self._state.term}")
        return self._event(record)

    def _claim(self, record: Record, term: int) -> list[Result]:
        if term <= self._state.term:
            reason = f"a claim of term {term} after one of term {self._state.term}"
            return [self._pass_over(Quarantine(record, "older-term", reason))]
        if record.attributes.get("subject") != record.partition:
            raise LogBroken(record, f"a claim of partition {record.attributes.get('subject')!r}")
        if record.hash != content_hash(GENESIS, record.attributes, record.value):
            raise LogBroken(record, "the claim's hash does not match its content")
        reason = f"cut off by the claim of term {term}"
        dropped: list[Result] = [Quarantine(event, "incomplete", reason) for event in self._buffer]
        self._buffer.clear()
        self._state = self._ahead = self._state.with_claim(record)
        return [*dropped, Claim(record)]

    def _event(self, record: Record) -> list[Result]:
        ahead = self._ahead
        sequence = _number(record, "sequence")
        if sequence <= ahead.sequence:
            reason = f"sequence {sequence} came before; the last is {ahead.sequence}"
            return [self._pass_over(Quarantine(record, "duplicate", reason))]
        if sequence != ahead.sequence + 1:
            raise LogBroken(record, f"sequence {sequence} after {ahead.sequence}")
        if record.previous_hash != ahead.chain:
            raise LogBroken(record, "previoushash is not the hash of what stands before it")
        if record.hash != content_hash(record.previous_hash, record.attributes, record.value):
            raise LogBroken(record, "the hash does not match the content")
        if record.key != record.attributes.get("partitionkey"):
            raise LogBroken(record, f"the record's key {record.key!r} is not its partitionkey")
        count = self._check_command(record)
        self._ahead = ahead.with_event(record)
        self._buffer.append(record)
        if len(self._buffer) < count:
            return []
        command = Command(tuple(self._buffer))
        self._buffer.clear()
        self._state = self._ahead
        return [command]

    def _check_command(self, record: Record) -> int:
        """How many events the record's command has; raises LogBroken unless it is the next of the command that is open."""
        index, count = _number(record, "commandindex"), _number(record, "commandcount")
        if index != len(self._buffer) + 1 or count < index:
            raise LogBroken(record, f"event {index} of {count} of a command of which {len(self._buffer)} came before")
        if self._buffer:
            first = self._buffer[0].attributes
            for name in ("commandid", "commandcount", "partitionkey"):
                if record.attributes.get(name) != first.get(name):
                    raise LogBroken(record, f"{name} differs within a command")
        return count

    def _pass_over(self, quarantine: Quarantine) -> Quarantine:
        """A quarantined record moves the offset alone, and only where no command is open."""
        if not self._buffer:
            offset = max(self._state.offset, quarantine.record.offset + 1)
            self._state = self._ahead = replace(self._state, offset=offset)
        return quarantine


def _term(record: Record) -> int | None:
    """The term of a record that has our shape, else None."""
    if not record.attributes.get("type"):
        return None
    text = record.attributes.get("term", "")
    term = int(text) if text.isascii() and text.isdigit() else 0
    return term or None  # terms begin at 1


def _number(record: Record, name: str) -> int:
    text = record.attributes.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise LogBroken(record, f"{name} is {text!r}, not a number")
    return int(text)
