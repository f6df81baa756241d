"""What falls due for one customer, soonest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heapify, heappop, heappush

from commands.ports import Timers

# Not a command: the same payment attempt is sent again, and its outcome is the command.
CHECK = "check"
# At one instant: payments first, then the end, then a pause's, then a change, then the trial's end, then bills and invoices.
KINDS = (CHECK, "retry", "cancel", "expire", "give_up", "resume", "change", "trial_end", "bill", "finalize")
RANK = {kind: rank for rank, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Timer:
    """What falls due next for a customer."""

    due: datetime
    kind: str
    stream: str


Entry = tuple[datetime, int, str, str]  # by due instant, then by the order of one instant, then by stream


class Agenda:
    """The timers of a customer's streams. What is no longer due stays in its heap until it comes to the top: a customer may have
    thousands of subscriptions.
    """

    def __init__(self, timers: Mapping[str, Timers]) -> None:
        self._timers = dict(timers)
        found = [_entry(stream, kind, due) for stream, pending in timers.items() for kind, due in pending]
        self._commands = [entry for entry in found if entry[3] != CHECK]
        self._checks = [entry for entry in found if entry[3] == CHECK]
        heapify(self._commands)
        heapify(self._checks)

    def set(self, stream: str, timers: Timers) -> None:
        """From now on these are the stream's timers."""
        before = self._timers.pop(stream, ())
        if timers:
            self._timers[stream] = timers
        for kind, due in timers:
            if (kind, due) not in before:
                heappush(self._checks if kind == CHECK else self._commands, _entry(stream, kind, due))

    def first_command(self) -> Timer | None:
        """The first that fires by a command."""
        return _timer(self._top(self._commands))

    def first(self) -> Timer | None:
        """The first of all."""
        tops = [top for top in (self._top(self._commands), self._top(self._checks)) if top is not None]
        return _timer(min(tops, default=None))

    def due(self, kind: str, until: datetime) -> Iterator[Timer]:
        """All of a kind that fall due by an instant, soonest first. Looks at no more of the heap than what is asked for."""
        last: Entry | None = None
        frontier = [(entry, 0) for entry in self._commands[:1]]
        while frontier:
            entry, place = heappop(frontier)
            if entry[0] > until:
                return
            for below in (2 * place + 1, 2 * place + 2):
                if below < len(self._commands):
                    heappush(frontier, (self._commands[below], below))
            # What was no longer due and became so again stands there twice.
            if entry != last and entry[3] == kind and (kind, entry[0]) in self._timers.get(entry[2], ()):
                yield Timer(entry[0], kind, entry[2])
            last = entry

    def _top(self, heap: list[Entry]) -> Entry | None:
        while heap:
            due, _, stream, kind = heap[0]
            if (kind, due) in self._timers.get(stream, ()):
                return heap[0]
            heappop(heap)
        return None


def _entry(stream: str, kind: str, due: datetime) -> Entry:
    return due, RANK[kind], stream, kind


def _timer(entry: Entry | None) -> Timer | None:
    return None if entry is None else Timer(entry[0], entry[3], entry[2])
