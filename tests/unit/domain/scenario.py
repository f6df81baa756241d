"""Given events, when a decision, then events: the words that the tests of the aggregates are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from eventsourcing.domain import CanMutateAggregate

from domain.event import Aggregate, Event
from domain.registry import decode, encode

A = TypeVar("A", bound=Aggregate)
Said = tuple[str, dict[str, Any]]


def fold(events: Iterable[Event], _type: type[A]) -> A:
    """The aggregate that the events make, each read back from its stored JSON first."""
    aggregate: A | None = None
    for event in events:
        read = decode(event.originator_id, event.originator_version, event.TOPIC, encode(event))
        aggregate = read.mutate(aggregate)
    assert isinstance(aggregate, _type)
    return aggregate


def taken(aggregate: Aggregate) -> list[Event]:
    """Take the events decided so far out of the aggregate."""
    events: list[CanMutateAggregate[str]] = list(aggregate.collect_events())
    assert all(isinstance(event, Event) for event in events)
    return [event for event in events if isinstance(event, Event)]


def when(aggregate: A, decide: Callable[[A], object]) -> list[Said]:
    """What a decision says: each event's stored name and its fields, without identity and business time."""
    taken(aggregate)
    decide(aggregate)
    return [said(event) for event in taken(aggregate)]


def said(event: Event) -> Said:
    """An event's stored name and its own fields."""
    left_out = {"originator_id", "originator_version", "originator_topic", "timestamp"}
    return event.TOPIC, {name: value for name, value in event if name not in left_out}
