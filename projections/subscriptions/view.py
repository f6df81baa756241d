"""How subscriptions' rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = (
    "id", "customer", "storefront", "bundle", "price", "price_version", "quantity", "add_ons",
    "state", "timezone", "started_at", "trial_ends_at",
    "term_ends_at", "change_at", "cancel_at", "pause", "transfer", "transferred_from", "gives_up_at", "ended_at",
    "access", "access_until", "created", "version",
)  # fmt: skip
_DISCOUNTS = """(
    SELECT coalesce(
        json_agg(
            json_build_object(
                'coupon', coupon, 'name', name, 'percent', percent, 'item', item, 'periods', periods,
                'since', since, 'until', until,
                'amount', CASE WHEN d.amount IS NOT NULL THEN json_build_object('amount', d.amount, 'currency', d.currency) END
            ) ORDER BY place
        ),
        '[]'
    ) FROM ledger.subscription_discounts AS d WHERE d.tenant = subscriptions.tenant AND d.subscription = subscriptions.id
) AS discounts"""
_FLAT = ("amount", "currency", "interval_unit", "interval_count", "period_start", "period_end")
COLUMNS = ", ".join((*_PLAIN, *_FLAT, _DISCOUNTS))


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource."""
    period = {"start": row["period_start"], "end": row["period_end"]}
    return {
        **{name: row[name] for name in _PLAIN},
        "amount": {"amount": row["amount"], "currency": row["currency"]},
        "interval": {"unit": row["interval_unit"], "count": row["interval_count"]},
        "discounts": row["discounts"],
        "current_period": period if period["start"] is not None else None,
    }
