"""What must be true of the log alone: of the events that count, whatever anybody was told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from tests.checker.clocks import Clocks
from tests.checker.counting import Command, Event, Partition
from tests.checker.history import Violation
from tests.checker.timers import periods_once, timers_once

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


def nothing_before_its_time(partitions: Mapping[str, Partition], clocks: Clocks) -> Iterator[Violation]:
    """No timer fires before it is due: what is decided on the wall clock is not dated later than it is recorded, what is decided
    on a test clock not later than that stands.
    """
    for event in _events(partitions):
        if event.record.partition == "catalog":
            continue
        headers, text = event.record.headers, json.loads(event.record.value)["timestamp"]
        dated, recorded = datetime.fromisoformat(text), headers["ce_time"]
        if event.scope not in clocks.of:
            if dated > datetime.fromisoformat(recorded) + CLOCK_TOLERANCE:
                yield Violation("time", f"dated {text}, recorded {recorded} already", (str(event.record),))
        elif (now := clocks.time(event.scope, int(headers["ce_catalogsequence"]))) is None or dated > now:
            yield Violation("time", f"dated {text}, while its test clock stands at {now}", (str(event.record),))


def _commands(partitions: Mapping[str, Partition]) -> Iterable[Command]:
    return (command for partition in partitions.values() for command in partition.commands)


def _events(partitions: Mapping[str, Partition]) -> Iterable[Event]:
    return (event for partition in partitions.values() for event in partition.events)


RULES: tuple[Rule, ...] = (commands_once, streams_whole, time_goes_on, timers_once, periods_once)
