"""The base of all events and of all aggregates with text ids."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from eventsourcing.domain import BaseAggregate, CanInitAggregate, CanMutateAggregate
from eventsourcing.utils import resolve_topic
from pydantic import AwareDatetime, BaseModel, ConfigDict


class Event(BaseModel, CanMutateAggregate[str]):
    """A frozen fact. ``timestamp`` is the business time of the decision, aware, UTC.

    ``TOPIC`` is the stored name with its version; identity and version of the stream stand beside the stored JSON, not in it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    TOPIC: ClassVar[str]

    originator_id: str
    originator_version: int
    timestamp: AwareDatetime

    def _as_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


class FirstEvent(Event, CanInitAggregate[str]):
    """An event that begins a stream."""

    originator_topic: str

    def mutate(self, aggregate: Any) -> Any:
        """The aggregate that begins with this event: what the library does, without its search for the parameters of an
        ``__init__``, which none of our aggregates has.
        """
        assert aggregate is None
        made: Aggregate = object.__new__(resolve_topic(self.originator_topic))
        made.__base_init__(self.originator_id, self.originator_version, self.timestamp)
        self.apply(made)
        return made


class Aggregate(BaseAggregate[str]):
    """Folds a stream and decides. Attributes are set by the first event's ``apply``, never annotated in a subclass's body at run
    time: the library would turn such a class into a dataclass. Attribute values are immutable, so that a shallow copy is a
    snapshot.
    """

    TOPIC: ClassVar[str]

    def __copy__(self) -> Self:
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def timers(self) -> tuple[tuple[str, datetime], ...]:
        """What falls due on it by time alone, as (kind, due)."""
        return ()

    def journal_into(self, journal: list[CanMutateAggregate[str]]) -> None:
        """Move pending events to ``journal`` and put all further ones there: several aggregates then keep one common order."""
        journal.extend(self._pending_events)
        self._pending_events = journal

    def leave_journal(self) -> None:
        """Its events are taken over: the next ones start a list of its own."""
        self._pending_events = []
