"""Who owns partitions and commits, as the node sees it: a process of its own, so that the loop has the interpreter to itself."""

from __future__ import annotations

from typing import Protocol

from infra.eventlog.counts import WindowCounts
from infra.eventlog.listener import Entry


class Window(Protocol):
    """Commits what is submitted; tells its listener the results."""

    @property
    def counts(self) -> WindowCounts:
        """What it counts."""
        ...

    async def start(self) -> None:
        """Begin to own."""
        ...

    def submit(self, entry: Entry, /) -> None:
        """Let it wait for the next window, behind all before it."""
        ...

    async def close(self) -> None:
        """End after the window in flight. Raises TimeoutError where that does not end in time."""
        ...
