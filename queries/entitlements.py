"""What a customer may use now, and by which subscription."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from projections.entitlements import view
from queries.ports import ReadModels, Row

_HELD = f"""
SELECT c.id AS customer, k.now AS clock, {view.COLUMNS}
FROM ledger.customers AS c
LEFT JOIN ledger.test_clocks AS k ON k.tenant = c.tenant AND k.id = c.test_clock
LEFT JOIN ({view.SOURCE}) ON g.tenant = c.tenant AND g.customer = c.id
WHERE c.id = ANY(%(customers)s) ORDER BY g.entitlement, g.subscription
"""
_ENDLESS = datetime.max.replace(tzinfo=UTC)
# Of several reasons, the one that says most about what to do.
_REASONS = ("access_withdrawn", "not_started", "ended")


@dataclass(slots=True)
class Holdings:
    """All that a customer was ever granted; ``clock`` is its test clock's time, where it lives on one."""

    clock: datetime | None
    grants: list[Row] = field(default_factory=list)


async def held(read: ReadModels, tenant: str, customers: Sequence[str]) -> tuple[Mapping[str, Holdings], Mapping[str, int]]:
    """What each of these customers holds, and the positions at which it does; who is not there is left out."""
    rows, at = await read.rows(tenant, _HELD, customers=customers)
    found: dict[str, Holdings] = {}
    for row in rows:
        holdings = found.setdefault(row["customer"], Holdings(row["clock"]))
        if row["entitlement"] is not None:
            holdings.grants.append(row)
    return found, at


def granted(holdings: Holdings, now: datetime) -> Sequence[Row]:
    """All grants that hold at the customer's present, which is ``now`` where it lives on no test clock."""
    at = holdings.clock or now
    return [view.granted(row) for row in holdings.grants if view.refusal(row, at) is None]


def check(holdings: Holdings, customer: str, entitlement: str, now: datetime) -> dict[str, Any]:
    """Whether the customer has the entitlement at its present, and if not, why."""
    at = holdings.clock or now
    answer: dict[str, Any] = {
        "customer": customer, "entitlement": entitlement, "at": at, "granted": False, "kind": None, "value": None, "until": None,
        "subscription": None,
    }  # fmt: skip
    rows = [row for row in holdings.grants if row["entitlement"] == entitlement]
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
