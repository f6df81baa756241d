"""How subscriptions' rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = (
    "id", "customer", "storefront", "bundle", "price", "price_version", "state", "timezone", "started_at", "trial_ends_at",
    "term_ends_at", "cancel_at", "ended_at", "access", "access_until", "created", "version",
)  # fmt: skip
COLUMNS = ", ".join((*_PLAIN, "amount", "currency", "interval_unit", "interval_count", "period_start", "period_end"))


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource."""
    period = {"start": row["period_start"], "end": row["period_end"]}
    return {
        **{name: row[name] for name in _PLAIN},
        "amount": {"amount": row["amount"], "currency": row["currency"]},
        "interval": {"unit": row["interval_unit"], "count": row["interval_count"]},
        "current_period": period if period["start"] is not None else None,
    }
