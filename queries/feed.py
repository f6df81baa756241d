"""The feed: a tenant's events of all streams, after a cursor, each as it was recorded.

A cursor is the vector of positions up to which everything was shown; of a partition that it does not name nothing was. Each
partition is shown in its order; what is read together is in the order of its recording as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from queries.ports import Row, Snapshot

Cursor = Mapping[str, int]
PREFIX = ".*"
SCAN_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: of any of ``types`` (each a type, or a prefix such as ``subscription.*``; none: all), of one customer."""

    types: tuple[str, ...] = ()
    customer: str | None = None

    @property
    def reach(self) -> int:
        """How many sequences of a partition to look at in one question: a rare type may be nowhere among very many."""
        return SCAN_MAX if self.types and self.customer is None else 2**62

    def condition(self) -> tuple[str, dict[str, Any]]:
        """As SQL over ``history`` with its parameters."""
        conditions, parameters = [], dict[str, Any]()
        if self.types:
            conditions.append("(type = ANY(%(types)s) OR type ^@ ANY(%(prefixes)s))")
            parameters["types"] = [each for each in self.types if not each.endswith(PREFIX)]
            parameters["prefixes"] = [each.removesuffix("*") for each in self.types if each.endswith(PREFIX)]
        if self.customer is not None:
            conditions.append("customer = %(customer)s")
            parameters["customer"] = self.customer
        return " AND ".join(conditions) or "true", parameters


@dataclass(frozen=True, slots=True)
class Page:
    """``events``: rows for ``projections.history.view.cloud_event``; ``cursor``: after them; ``more``: there are more now."""

    events: Sequence[Row]
    cursor: Cursor
    more: bool


# Of each partition the next few, and of all these the first, chosen in the index alone; then their rows, and what came before the
# first of each partition.
_PAGE = """
WITH page AS (
    SELECT part.after, event.*
    FROM unnest(%(partitions)s::text[], %(afters)s::bigint[], %(ends)s::bigint[]) AS part (name, after, "end"),
    LATERAL (
        SELECT partition, sequence, recorded_at FROM ledger.history
        WHERE partition = part.name AND sequence > part.after AND sequence <= part."end" AND {condition}
        ORDER BY sequence LIMIT %(limit)s
    ) AS event
    ORDER BY recorded_at, partition, sequence LIMIT %(limit)s
)
SELECT partition, sequence, attributes, value, coalesce(
    lag(sequence) OVER (PARTITION BY partition ORDER BY sequence),
    (
        SELECT sequence FROM ledger.history AS before
        WHERE before.partition = page.partition AND before.sequence <= page.after AND {condition}
        ORDER BY before.sequence DESC LIMIT 1
    ),
    0
) AS previous
FROM page, LATERAL (
    SELECT attributes, value FROM ledger.history AS row
    WHERE row.partition = page.partition AND row.sequence = page.sequence LIMIT 1
) AS recorded
ORDER BY recorded_at, partition, sequence
"""


async def page(snapshot: Snapshot, asked: Filter, after: Cursor, end: Cursor, limit: int) -> Page:
    """The next events after a cursor, at most ``limit``, none beyond ``end`` nor beyond what the read models hold.

    There may be ``more`` although none was found: only so far is looked at once.
    """
    ends = {name: min(end.get(name, 0), sequence) for name, sequence in snapshot.positions.items()}
    unread = {name: after.get(name, 0) for name in ends if ends[name] > after.get(name, 0)}
    if not unread:
        return Page((), after, False)
    reach = {name: min(ends[name], sequence + asked.reach) for name, sequence in unread.items()}
    condition, parameters = asked.condition()
    rows = await snapshot.all(
        _PAGE.format(condition=condition),
        **parameters,
        partitions=list(unread),
        afters=list(unread.values()),
        ends=list(reach.values()),
        limit=limit + 1,
    )
    if len(rows) > limit:
        events = rows[:limit]
        return Page(events, {**after, **{row["partition"]: row["sequence"] for row in events}}, True)
    return Page(rows, {**after, **reach}, any(ends[name] > sequence for name, sequence in reach.items()))
