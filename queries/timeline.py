"""What a customer could and can use by a subscription, from when until when, and because of what: its events, folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson

from domain.catalog.terms import Grant
from domain.registry import decode
from domain.subscription.aggregate import Subscription
from queries.ports import Row, Snapshot

_EVENTS = """
    SELECT stream, version, type, attributes, value FROM ledger.history WHERE stream = %(stream)s ORDER BY version
"""
# From when until when (None: until further notice), what may be used (None: nothing), and the event behind it.
Stretch = tuple[datetime, datetime | None, tuple[Grant, ...] | None, Mapping[str, Any]]


async def timeline(snapshot: Snapshot, subscription: str) -> Row | None:
    """The timeline as of the newest event; None where there is no such subscription."""
    rows = await snapshot.all(_EVENTS, stream=subscription)
    if not rows:
        return None
    stretches = [
        {"start": start, "end": end, "access": grants is not None, "entitlements": grants or (), "because": because}
        for start, end, grants, because in _united(_stretches(rows))
    ]
    return {"subscription": subscription, "stretches": stretches, "version": rows[-1]["version"]}


def _stretches(rows: Iterable[Row]) -> Iterator[Stretch]:
    """After each event until the next one what was known then; after the last one what is known now."""
    found = list(_folded(rows))
    for number, (subscription, at, because) in enumerate(found):
        begin = subscription.sale.started_at if number == 0 else at
        end = found[number + 1][1] if number + 1 < len(found) else None
        for start, until in pairwise(_instants(subscription, begin, end)):
            assert start is not None
            grants = subscription.grants(start) if subscription.grants_access(start) else None
            yield start, until, grants, because


def _folded(rows: Iterable[Row]) -> Iterator[tuple[Subscription, datetime, Mapping[str, Any]]]:
    """The subscription after each of its events, the event's instant, and what is told of it."""
    subscription: Any = None
    for row in rows:
        event = decode(row["stream"], row["version"], row["type"], row["value"].encode())
        subscription = event.mutate(None if subscription is None else subscription.__copy__())
        attributes = orjson.loads(row["attributes"])
        because = {
            "id": attributes["id"],
            "type": row["type"],
            "at": event.timestamp,
            "actor": attributes.get("actor"),
            "reason": attributes.get("reason"),
        }
        yield subscription, event.timestamp, because


def _instants(subscription: Subscription, begin: datetime, end: datetime | None) -> list[datetime | None]:
    """Where what may be used can change between two instants, and these."""
    changes = (subscription.sale.started_at, subscription.access_until, *(each.start for each in subscription.sale.agreements))
    within = {each for each in changes if each is not None and begin < each and (end is None or each < end)}
    return [begin, *sorted(within), end]


def _united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours that give the same are one, because of the first; what held for no time at all is none."""
    found: list[Stretch] = []
    for each in stretches:
        if found and found[-1][0] == found[-1][1] and found[-1][2] != each[2]:
            found.pop()
        if found and found[-1][2] == each[2]:
            start, _, grants, because = found.pop()
            each = (start, each[1], grants, because)
        found.append(each)
    return found
