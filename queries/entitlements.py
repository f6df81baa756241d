"""What a customer may use now, and by which subscription."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from projections.entitlements import view
from queries.ports import Row, Snapshot

_NOW = """
SELECT coalesce(k.now, %(now)s) AS at
FROM ledger.customers AS c LEFT JOIN ledger.test_clocks AS k ON k.tenant = c.tenant AND k.id = c.test_clock
WHERE c.id = %(customer)s
"""
_ENDLESS = datetime.max.replace(tzinfo=UTC)
# Of several reasons, the one that says most about what to do.
_REASONS = ("access_withdrawn", "not_started", "ended")


async def _at(snapshot: Snapshot, customer: str, now: datetime) -> datetime | None:
    """The customer's present: its test clock's time where it lives on one. None: there is no such customer."""
    row = await snapshot.one(_NOW, customer=customer, now=now)
    return None if row is None else row["at"]


async def _grants(snapshot: Snapshot, customer: str) -> list[Row]:
    sql = f"SELECT {view.COLUMNS} FROM {view.SOURCE} WHERE g.customer = %(customer)s ORDER BY g.entitlement, g.subscription"
    return await snapshot.all(sql, customer=customer)


async def granted(snapshot: Snapshot, customer: str, now: datetime) -> Sequence[Row] | None:
    """All grants that hold now; None where there is no such customer."""
    at = await _at(snapshot, customer, now)
    if at is None:
        return None
    return [view.granted(row) for row in await _grants(snapshot, customer) if view.refusal(row, at) is None]


async def check(snapshot: Snapshot, customer: str, entitlement: str, now: datetime) -> dict[str, Any] | None:
    """Whether the customer has the entitlement now, and if not, why; None where there is no such customer."""
    at = await _at(snapshot, customer, now)
    if at is None:
        return None
    answer: dict[str, Any] = {
        "customer": customer, "entitlement": entitlement, "at": at, "granted": False, "kind": None, "value": None, "until": None,
        "subscription": None,
    }  # fmt: skip
    rows = [row for row in await _grants(snapshot, customer) if row["entitlement"] == entitlement]
    holding = [row for row in rows if view.refusal(row, at) is None]
    if holding:
        longest = max(holding, key=lambda row: (row["access_until"] or _ENDLESS, row["subscription"]))
        grant = view.granted(longest)
        found = {name: grant[name] for name in ("kind", "value", "until", "subscription")}
        return answer | found | {"granted": True, "reason": "granted"}
    refused = {view.refusal(row, at): row["subscription"] for row in rows}
    for reason in _REASONS:
        if reason in refused:
            return answer | {"reason": reason, "subscription": refused[reason]}
    return answer | {"reason": "not_granted"}
