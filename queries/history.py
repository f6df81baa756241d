"""A stream's events: who, when, what, before and after."""

from __future__ import annotations

from projections.history import view
from queries.lists import Asked, InvalidCursor, Page
from queries.ports import Snapshot


async def events(snapshot: Snapshot, stream: str, asked: Asked) -> Page | None:
    """A page of the stream's events, newest first; None where there is no such stream. Raises InvalidCursor.

    Before and after need the state, and so the whole stream up to the page; streams are short.
    """
    below = _version(asked.cursor)
    sql = f"SELECT {view.COLUMNS} FROM ledger.history WHERE stream = %(stream)s AND version < %(below)s ORDER BY version"
    rows = await snapshot.all(sql, stream=stream, below=below)
    if not rows:
        return None if asked.cursor is None else Page([], None)
    bodies = list(view.bodies(rows))
    newest = bodies[-asked.limit :][::-1]
    more = len(bodies) > asked.limit
    return Page(newest, str(newest[-1]["version"]) if more else None)


def _version(cursor: str | None) -> int:
    if cursor is None:
        return 2**62
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 18):
        raise InvalidCursor("The cursor is not one that this API gave.")
    return int(cursor)
