"""One app's feed: pages that are read once for all who ask the same at the same time, and rendered once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.http.positions import format_positions
from projections.history.view import cloud_event
from queries import feed
from queries.feed import Cursor, Filter
from queries.ports import ReadModels
from queries.watch import Watch

# Of the pool's connections, so that however many follow, the other questions are not kept waiting.
READING_MAX = 4

_Key = tuple[str, Filter, str, str, int]


@dataclass(frozen=True, slots=True)
class Event:
    """``json``: the CloudEvent; ``cursor``: where to go on after it."""

    json: str
    cursor: str


@dataclass(frozen=True, slots=True)
class Page:
    """``cursor``: where to go on; ``more``: there are more events now."""

    events: Sequence[Event]
    cursor: Cursor
    more: bool


class Feed:
    """Reads pages of any tenant. All who have read everything stand at the same cursor, so they share each further page."""

    def __init__(self, read: ReadModels) -> None:
        self.watch = Watch(read)
        self._read = read
        self._turns = asyncio.Semaphore(READING_MAX)
        self._reading: dict[_Key, asyncio.Task[Page]] = {}

    async def page(self, tenant: str, asked: Filter, after: Cursor, end: Cursor, limit: int) -> Page:
        """The next events up to ``end``, positions of the watch. Raises ReadModelsUnavailable."""
        if all(after.get(name, 0) >= sequence for name, sequence in end.items()):
            return Page((), after, False)  # nothing to ask for, however many come back at once after a break
        key = (tenant, asked, cursor_text(after), cursor_text(end), limit)
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._page(tenant, asked, after, end, limit))
            task.add_done_callback(lambda _: self._reading.pop(key))
        return await asyncio.shield(task)

    async def _page(self, tenant: str, asked: Filter, after: Cursor, end: Cursor, limit: int) -> Page:
        async with self._turns, self._read.snapshot(tenant) as snapshot:
            found = await feed.page(snapshot, asked, after, end, limit)
        events, cursor = [], dict(after)
        for row in found.events:
            cursor[row["partition"]] = row["sequence"]
            events.append(Event(cloud_event(row), cursor_text(cursor)))
        return Page(events, found.cursor, found.more)


def cursor_text(cursor: Mapping[str, int]) -> str:
    """``3@812,catalog@9``; ``0`` is the beginning."""
    begun = {name: sequence for name, sequence in cursor.items() if sequence}
    return format_positions(begun).replace(" ", "") or "0"
