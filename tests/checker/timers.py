"""What falls due: done once, in order, not before its time, and not left over.

What is due when is folded here from the events alone, as docs/lifecycle.md tells it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from tests.checker.clocks import Clocks
from tests.checker.counting import Command, Event, Partition
from tests.checker.history import Call, Violation
from tests.checker.reads import positions

RULE = "timers"
_ADVANCE = re.compile(r"/v1/test-clocks/([^/]+)/advance")


def timers_once(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """Each timer is consumed by one command, which does something, and no earlier than it was due."""
    fired: dict[tuple[str, str, datetime], Command] = {}
    for command in (command for partition in partitions.values() for command in partition.commands):
        if not command.id.startswith("timer:"):
            continue
        stream, kind, text = command.id.removeprefix("timer:").split("/", 2)
        due = datetime.fromisoformat(text)
        first = fired.setdefault((stream, kind, due), command)
        if first is not command:
            yield Violation(RULE, f"{kind} of {stream} fired twice for {text}", (str(first), str(command)))
        if stream not in {event.stream for event in command.events}:
            yield Violation(RULE, f"{kind} of {stream} changed nothing there", (str(command),))
        dated = json.loads(command.last.record.value)["timestamp"]
        if datetime.fromisoformat(dated) < due:
            yield Violation(RULE, f"{kind} of {stream} is dated {dated}, and was due at {text}", (str(command),))


def periods_once(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """A subscription's periods are billed one after the other: the first begins at the anchor, each where the last one ended.
    Only those that begin while it is suspended are left out.
    """
    begin: dict[str, str | None] = {}  # where each subscription's next period begins; None: that is not known
    billed: dict[str, tuple[int, Event]] = {}
    for event in (event for partition in partitions.values() for event in partition.events):
        if event.type == "subscription.started.v1":
            begin[event.stream] = json.loads(event.record.value)["anchor"]
        elif event.type == "subscription.suspended.v1":
            begin[event.stream] = None
        elif event.type == "subscription.period_billed.v1":
            period, before = json.loads(event.record.value)["period"], billed.get(event.stream)
            shown = (*([str(before[1].record)] if before else []), str(event.record))
            wanted = begin.get(event.stream)
            if before is not None and period["index"] <= before[0]:
                what = f"period {period['index']} of {event.stream} is billed after period {before[0]}"
                yield Violation(RULE, what, shown)
            elif wanted is not None and datetime.fromisoformat(period["start"]) != datetime.fromisoformat(wanted):
                yield Violation(RULE, f"a period of {event.stream} begins at {period['start']}, not at {wanted}", shown)
            billed[event.stream], begin[event.stream] = (period["index"], event), period["end"]


class Timer(NamedTuple):
    """``since`` is the event that made it due."""

    stream: str
    kind: str
    due: datetime
    since: Event


class Agenda:
    """What is due on all streams, after the events that were taken."""

    def __init__(self) -> None:
        self._timers: dict[str, dict[str, Timer]] = defaultdict(dict)

    def take(self, event: Event) -> None:
        """What an event changes."""
        if not event.type.startswith(("subscription.", "payment.")):
            return
        own, data = self._timers[event.stream], json.loads(event.record.value)

        def due(kind: str, at: str | None) -> None:
            if at is not None:
                own[kind] = Timer(event.stream, kind, datetime.fromisoformat(at), event)

        match event.type:
            case "subscription.started.v1":
                due(*(("trial_end", data["trial_ends_at"]) if data["state"] == "trial" else ("bill", data["anchor"])))
                due("expire", data["term_ends_at"])
            case "subscription.activated.v1":
                own.pop("trial_end", None)
                due("bill", data["activated_at"])  # the anchor of one that had a trial
            case "subscription.period_billed.v1":
                due("bill", data["period"]["end"])
            case "subscription.suspended.v1":
                own.pop("bill", None)  # when the first one after it begins is not told
            case "subscription.cancellation_scheduled.v1":
                due("cancel", data["cancel_at"])
            case "subscription.cancelled.v1" | "subscription.expired.v1":
                own.clear()
            case "payment.attempt_started.v1" | "payment.abandoned.v1":
                own.pop("retry", None)
            case "payment.attempt_failed.v1":
                due("retry", data["retry_at"])

    def before(self, until: datetime) -> Iterator[Timer]:
        """What should have been done before an instant. Nothing is billed from a subscription's end on."""
        for own in self._timers.values():
            ends = min((own[kind].due for kind in ("cancel", "expire") if kind in own), default=until)
            yield from (it for it in own.values() if it.due < (min(ends, until) if it.kind == "bill" else until))


def none_left_over(partitions: Mapping[str, Partition], clocks: Clocks, settled_at: str) -> Iterator[Violation]:
    """Of customers on the wall clock, nothing that was due before the run stood still."""
    if settled_at:
        agenda = Agenda()
        for partition in partitions.values():
            for event in partition.events:
                if event.scope not in clocks.of:
                    agenda.take(event)
        yield from _left_over(agenda.before(datetime.fromisoformat(settled_at)), ())


def advances_whole(partitions: Mapping[str, Partition], clocks: Clocks, calls: Sequence[Call]) -> Iterator[Violation]:
    """At the positions that the answer to an advance names, all that was due before the clock's new time has been done."""
    advances = [(call, found[1]) for call in calls if call.acknowledged and (found := _ADVANCE.fullmatch(call.path))]
    for name, partition in partitions.items():
        told = [(positions(", ".join(call.answer["positions"])).get(name), call, clock) for call, clock in advances]
        coming = sorted(((at, call, clock) for at, call, clock in told if at is not None), key=lambda each: each[0])
        agendas: dict[tuple[str, str], Agenda] = defaultdict(Agenda)
        events = iter(partition.events)
        event = next(events, None)
        for at, call, clock in coming:
            while event is not None and event.sequence <= at:
                if event.scope in clocks.of:
                    agendas[clocks.of[event.scope]].take(event)
                event = next(events, None)
            until = datetime.fromisoformat(call.answer["now"])
            yield from _left_over(agendas[call.tenant, clock].before(until), (str(call),))


def _left_over(timers: Iterable[Timer], shown: tuple[str, ...]) -> Iterator[Violation]:
    for timer in timers:
        what = f"{timer.kind} of {timer.stream} was due at {timer.due.isoformat()}, and has not been done"
        yield Violation(RULE, what, (str(timer.since.record), *shown))
