"""What a projection is told and what it gives: an event with its envelope in, changes of rows out.

Changes of one row keep their order. A change names its row by the table's whole key, so that a batch of them can be folded into
one statement a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from domain.event import Event

# Whatever JSON can hold, and aware datetimes: rows travel to Postgres as JSON.
Row = Mapping[str, Any]


class Envelope(NamedTuple):  # a tuple, because one is made for every event and a frozen dataclass takes half as long again
    """What stands beside an event in its record. ``attributes`` are all of the record's, its two hashes among them; ``value`` is
    its stored JSON; ``personal`` the personal data that the event seals, opened, or None where it seals none or the key is gone.
    """

    partition: str
    sequence: int
    key: str
    tenant: str
    stream: str
    version: int
    type: str
    recorded_at: datetime
    attributes: Mapping[str, str]
    value: bytes
    personal: Mapping[str, str] | None = None

    @property
    def customer(self) -> str | None:
        """The customer whose partition key this is; None in the catalog."""
        return self.key.partition("/")[2] or None


@dataclass(frozen=True, slots=True)
class Insert:
    """A new row."""

    table: str
    row: Row


@dataclass(frozen=True, slots=True)
class Update:
    """New values for columns of a row that exists."""

    table: str
    key: Row
    values: Row


@dataclass(frozen=True, slots=True)
class Add:
    """Amounts to add to columns of a row, which begins at 0 where there is none."""

    table: str
    key: Row
    amounts: Mapping[str, int]


Change = Insert | Update | Add


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a read model; every one has the column ``tenant`` and it leads the key.

    ``undigested`` columns hold positions and wall times: they differ between two logs of the same facts, and no digest sees them.
    """

    name: str
    key: tuple[str, ...]
    undigested: frozenset[str] = frozenset()


class UnhandledEvent(LookupError):
    """A projection was given an event that it neither handles nor lists as ignored."""


E = TypeVar("E", bound=Event)
Handler = Callable[[E, Envelope], Sequence[Change]]


@dataclass(frozen=True)
class Projection:
    """One read model's writer: a handler for each event it follows, and an explicit list of those it ignores."""

    name: str
    tables: tuple[Table, ...]
    ignores: frozenset[type[Event]] = frozenset()
    handlers: dict[type[Event], Handler[Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its ``schema.sql`` stands."""
        return Path(__file__).parent / self.name

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Register the handler of an event class."""

        def register(handler: Handler[E]) -> Handler[E]:
            assert event not in self.handlers, f"{self.name} handles {event.__name__} twice"
            assert event not in self.ignores, f"{self.name} ignores and handles {event.__name__}"
            self.handlers[event] = handler
            return handler

        return register

    def handler(self, event: type[Event]) -> Handler[Any] | None:
        """What handles events of a class; None where they are ignored. Raises UnhandledEvent."""
        if event not in self.handlers and event not in self.ignores:
            raise UnhandledEvent(f"the projection {self.name} neither handles nor ignores {event.__name__}")
        return self.handlers.get(event)

    def project(self, event: Event, envelope: Envelope) -> Sequence[Change]:
        """The changes that an event makes; raises UnhandledEvent."""
        handler = self.handler(type(event))
        return () if handler is None else handler(event, envelope)
