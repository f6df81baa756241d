"""What must be true of the log alone: of the events that count, whatever anybody was told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from tests.checker.counting import Command, Event, Partition
from tests.checker.history import Violation

Rule = Callable[[Mapping[str, Partition]], Iterator[Violation]]

CLOCK_TOLERANCE = timedelta(seconds=5)  # how far two clocks, or one at two instants, may be apart
SAME_IN_A_COMMAND = ("ce_term", "ce_tenant", "ce_time", "ce_fingerprint", "ce_catalogsequence", "ce_actor")


def commands_once(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """In its scope a command id belongs to one command; all its events say the same of it."""
    seen: dict[tuple[str, str], Command] = {}
    for command in _commands(partitions):
        first = seen.setdefault((command.scope, command.id), command)
        if first is not command:
            yield Violation("commands", "one command id counts twice", (str(first), str(command)))
        for name in SAME_IN_A_COMMAND:
            if len({event.record.headers.get(name) for event in command.events}) > 1:
                yield Violation("commands", f"{name} differs within a command", (str(command),))


def streams_whole(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """A stream's versions are 1, 2, 3, … in one partition and one scope."""
    last: dict[str, Event] = {}
    for event in _events(partitions):
        before = last.get(event.stream)
        wanted = 1 if before is None else before.version + 1
        shown = (str(event.record),) if before is None else (str(before.record), str(event.record))
        if event.version != wanted:
            yield Violation("streams", f"version {event.version} of {event.stream} where {wanted} is next", shown)
        elif before is not None and (before.scope, before.record.partition) != (event.scope, event.record.partition):
            yield Violation("streams", f"{event.stream} has two homes", shown)
        if event.record.headers.get("ce_id") != f"{event.stream}/{event.version}":
            yield Violation("streams", "the id is not that of the stream and version", (str(event.record),))
        last[event.stream] = event


def time_goes_on(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """In a partition neither the recording time nor the catalog position seen ever falls; nobody saw more than there is."""
    catalog = partitions["catalog"].sequence if "catalog" in partitions else None
    for partition in partitions.values():
        time, seen, before = datetime.min.replace(tzinfo=UTC), 0, "its start"
        for event in partition.events:
            headers, here = event.record.headers, str(event.record)
            now, sees = datetime.fromisoformat(headers["ce_time"]), int(headers.get("ce_catalogsequence", seen))
            if now < time:
                yield Violation("time", f"the recording time falls to {headers['ce_time']}", (before, here))
            if sees < seen:
                yield Violation("time", f"the catalog position falls from {seen} to {sees}", (before, here))
            if catalog is not None and sees > catalog:
                yield Violation("time", f"catalog@{sees} was seen, the catalog ends at {catalog}", (here,))
            time, seen, before = max(time, now), max(seen, sees), here


def nothing_before_its_time(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """What is decided on the wall clock is not dated later than it is recorded: no timer fires before it is due."""
    on_clock = {
        event.scope
        for event in _events(partitions)
        if event.type == "customer.registered.v1" and json.loads(event.record.value)["clock"] is not None
    }
    for event in _events(partitions):
        if event.scope in on_clock or event.record.partition == "catalog":
            continue
        recorded, dated = event.record.headers["ce_time"], json.loads(event.record.value)["timestamp"]
        if datetime.fromisoformat(dated) > datetime.fromisoformat(recorded) + CLOCK_TOLERANCE:
            yield Violation("time", f"dated {dated}, recorded {recorded} already", (str(event.record),))


def timers_once(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """What falls due is consumed by one command: each timer by its id, each period of a subscription by one bill, in order."""
    fired: dict[tuple[str, str, datetime], Command] = {}
    for command in _commands(partitions):
        if not command.id.startswith("timer:"):
            continue
        stream, kind, due = command.id.removeprefix("timer:").split("/", 2)
        first = fired.setdefault((stream, kind, datetime.fromisoformat(due)), command)
        if first is not command:
            yield Violation("timers", f"{kind} of {stream} fired twice for {due}", (str(first), str(command)))
        if stream not in {event.stream for event in command.events}:
            yield Violation("timers", f"{kind} of {stream} changed nothing there", (str(command),))
    billed: dict[str, tuple[int, Event]] = {}
    for event in _events(partitions):
        if event.type == "subscription.period_billed.v1":
            index = int(json.loads(event.record.value)["period"]["index"])
            before = billed.get(event.stream)
            if before is not None and index <= before[0]:
                shown = (str(before[1].record), str(event.record))
                yield Violation("timers", f"period {index} of {event.stream} is billed after period {before[0]}", shown)
            billed[event.stream] = index, event


def timers_fired(partitions: Mapping[str, Partition], settled_at: str) -> Iterator[Violation]:
    """No trial of a customer on the wall clock is left over that ended before the run stood still."""
    if not settled_at:
        return
    until, on_clock = datetime.fromisoformat(settled_at), set()
    trials: dict[str, tuple[Event, datetime]] = {}
    for event in _events(partitions):
        data = json.loads(event.record.value)
        if event.type == "customer.registered.v1" and data["clock"] is not None:
            on_clock.add(event.scope)
        elif event.type == "subscription.started.v1" and data["state"] == "trial":
            trials[event.stream] = event, datetime.fromisoformat(data["trial_ends_at"])
        elif event.type in ("subscription.activated.v1", "subscription.cancelled.v1", "subscription.expired.v1"):
            trials.pop(event.stream, None)
    for stream, (event, ends_at) in trials.items():
        if ends_at < until and event.scope not in on_clock:
            what = f"the trial of {stream} ended at {ends_at.isoformat()}, but its timer has not fired"
            yield Violation("timers", what, (str(event.record),))


def _commands(partitions: Mapping[str, Partition]) -> Iterable[Command]:
    return (command for partition in partitions.values() for command in partition.commands)


def _events(partitions: Mapping[str, Partition]) -> Iterable[Event]:
    return (event for partition in partitions.values() for event in partition.events)


RULES: tuple[Rule, ...] = (commands_once, streams_whole, time_goes_on, nothing_before_its_time, timers_once)
