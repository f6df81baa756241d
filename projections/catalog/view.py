"""How the catalog's rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

_COMMON = "id, name, created, version"
TENANT_COLUMNS = _COMMON
STOREFRONT_COLUMNS = f"{_COMMON}, timezone, payment_provider, retry_after_s, billing, dunning"
ENTITLEMENT_COLUMNS = f"{_COMMON}, kind"
BUNDLE_COLUMNS = f"{_COMMON}, storefront, grants"
PRICE_COLUMNS = (
    "id, price_version, storefront, bundle, amount, currency, interval_unit, interval_count, trial_days, term_periods,"
    " trial_fee, charges, phases, channel, effective_from, created, version"
)
METER_COLUMNS = f"{_COMMON}, aggregation"
COUPON_COLUMNS = f"{_COMMON}, percent, amount, currency, periods, prices, redeem_by"


def price(row: Row) -> dict[str, Any]:
    """A price's row as its resource."""
    flat = ("amount", "currency", "interval_unit", "interval_count")
    return {
        **{name: value for name, value in row.items() if name not in flat},
        "amount": {"amount": row["amount"], "currency": row["currency"]},
        "trial_fee": {"amount": row["trial_fee"], "currency": row["currency"]},
        "interval": {"unit": row["interval_unit"], "count": row["interval_count"]},
    }


def coupon(row: Row) -> dict[str, Any]:
    """A coupon's row as its resource."""
    amount = None if row["amount"] is None else {"amount": row["amount"], "currency": row["currency"]}
    return {**{name: value for name, value in row.items() if name != "currency"}, "amount": amount}
