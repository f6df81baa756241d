"""What falls due: done once, in order, not before its time, and not left over.

What is due when is folded here from the events alone, as docs/lifecycle.md tells it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

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


# After these a period may begin elsewhere than where the last one ended, or be billed anew; that none is billed twice is another
# rule's.
_MOVED = frozenset(
    f"subscription.{name}"
    for name in (
        "suspended.v2", "reinstated.v2", "changed.v1", "paused.v1", "resumed.v1", "trial_end_set.v1", "discounted.v1",
        "invoice_withdrawn.v1", "cancellation_withdrawn.v1", "used_late.v1",
    )
)  # fmt: skip


def periods_once(partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """A subscription's periods are billed one after the other: the first begins at the anchor, each where the last one ended,
    but where something was changed.
    """
    begin: dict[str, str] = {}  # where each subscription's next period begins, if that is known
    billed: dict[str, tuple[str, Event]] = {}
    for event in (event for partition in partitions.values() for event in partition.events):
        if event.type == "subscription.started.v2":
            data = json.loads(event.record.value)
            # A first period that is a part of a whole one may cost nothing, and is no period then.
            proration = data["billing"]["proration"]
            if proration["by"] != "none" and proration["first_period"] != "free":
                begin[event.stream] = max(data["anchor"], data["started_at"], key=datetime.fromisoformat)
        elif event.type in _MOVED:
            begin.pop(event.stream, None)
            billed.pop(event.stream, None)
        elif event.type == "subscription.billed.v1":
            period, before = json.loads(event.record.value)["period"], billed.get(event.stream)
            if period is None:
                continue
            shown = (*([str(before[1].record)] if before else []), str(event.record))
            wanted = begin.get(event.stream)
            if before is not None and datetime.fromisoformat(period["start"]) <= datetime.fromisoformat(before[0]):
                what = f"the period from {period['start']} of {event.stream} is billed after the one from {before[0]}"
                yield Violation(RULE, what, shown)
            elif wanted is not None and datetime.fromisoformat(period["start"]) != datetime.fromisoformat(wanted):
                yield Violation(RULE, f"a period of {event.stream} begins at {period['start']}, not at {wanted}", shown)
            billed[event.stream], begin[event.stream] = (period["start"], event), period["end"]


class Timer(NamedTuple):
    """``since`` is the event that made it due."""

    stream: str
    kind: str
    due: datetime
    since: Event


# Event → the timers that it sets, each with the field that says for when; none, or null in it: it is not due any more.
_SETS: Mapping[str, Mapping[str, str]] = {
    "subscription.trial_end_set.v1": {"trial_end": "trial_ends_at", "expire": "term_ends_at"},
    "subscription.changed.v1": {"expire": "term_ends_at", "change": "next_change_at"},
    "subscription.change_scheduled.v1": {"change": "effective_at"},
    "subscription.change_withdrawn.v1": {"change": ""},
    "subscription.suspended.v2": {"change": "", "give_up": "gives_up_at"},  # a change waits until that is over
    "subscription.reinstated.v2": {"give_up": ""},
    "subscription.resumed.v1": {"resume": ""},
    "subscription.renewed.v1": {"expire": "term_ends_at"},
    "subscription.cancellation_scheduled.v2": {"cancel": "cancel_at"},
    "subscription.cancellation_withdrawn.v1": {"cancel": ""},
    "payment.requested.v2": {"retry": "attempt_at"},
    "payment.attempt_started.v1": {"retry": ""},
    "payment.abandoned.v1": {"retry": ""},
    "payment.attempt_failed.v2": {"retry": "retry_at"},
    "invoice.drafted.v1": {"finalize": "finalizes_at"},
    "invoice.finalized.v1": {"finalize": ""},
    "invoice.voided.v1": {"finalize": ""},
}


class Agenda:
    """What is due on all streams, after the events that were taken. When a period is billed is told of what is charged in
    advance, and alike in all phases.
    """

    def __init__(self) -> None:
        self._timers: dict[str, dict[str, Timer]] = defaultdict(dict)
        self._in_advance: dict[str, bool] = {}

    def take(self, event: Event) -> None:
        """What an event changes."""
        if not event.type.startswith(("subscription.", "payment.", "invoice.")):
            return
        own, data = self._timers[event.stream], json.loads(event.record.value)

        def due(kind: str, at: str | None) -> None:
            own.pop(kind, None)
            if at is not None and (kind != "bill" or self._in_advance[event.stream]):
                own[kind] = Timer(event.stream, kind, datetime.fromisoformat(at), event)

        for kind, name in _SETS.get(event.type, {}).items():
            due(kind, data[name] if name else None)
        if event.type in _MOVED:
            own.pop("bill", None)  # when the first one after it begins is not told
        match event.type:
            case "subscription.started.v2":
                self._in_advance[event.stream] = _in_advance(data["items"])
                due(*(("trial_end", data["trial_ends_at"]) if data["state"] == "trial" else ("bill", data["anchor"])))
                due("expire", data["term_ends_at"])
            case "subscription.activated.v1":
                due("trial_end", None)
                due("bill", data["activated_at"])  # the anchor of one that had a trial
            case "subscription.billed.v1":
                if "bill" in own and own["bill"].due <= datetime.fromisoformat(data["until"]):
                    del own["bill"]
                if data["period"] is not None:
                    due("bill", data["period"]["end"])
            case "subscription.changed.v1":
                self._in_advance[event.stream] = _in_advance(data["items"])
                due("trial_end", data["trial_ends_at"] if "trial_end" in own else None)
            case "subscription.paused.v1":
                due("resume", data["pause"]["resumes_at"])
            case "subscription.cancelled.v2" | "subscription.expired.v1" | "subscription.transferred.v1":
                own.clear()

    def before(self, until: datetime) -> Iterator[Timer]:
        """What should have been done before an instant. Nothing is billed from a subscription's end on."""
        for own in self._timers.values():
            ends = min((own[kind].due for kind in ("cancel", "expire") if kind in own), default=until)
            yield from (it for it in own.values() if it.due < (min(ends, until) if it.kind == "bill" else until))


def _in_advance(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a period of the base is billed at its begin: one fee is, in all phases."""
    terms = items[0]["terms"]
    return not terms["charges"] and not terms["phases"]


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
