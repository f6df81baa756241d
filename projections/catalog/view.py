"""How the catalog's rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]

_COMMON = "id, name, created, version"
TENANT_COLUMNS = _COMMON
STOREFRONT_COLUMNS = f"{_COMMON}, timezone, payment_provider, retry_after_s"
ENTITLEMENT_COLUMNS = f"{_COMMON}, kind"
BUNDLE_COLUMNS = f"{_COMMON}, storefront, grants"
PRICE_COLUMNS = (
    "id, price_version, storefront, bundle, amount, currency, interval_unit, interval_count, trial_days, term_periods,"
    " created, version"
)


def price(row: Row) -> dict[str, Any]:
    """A price's row as its resource."""
    flat = ("amount", "currency", "interval_unit", "interval_count")
    return {
        **{name: value for name, value in row.items() if name not in flat},
        "amount": {"amount": row["amount"], "currency": row["currency"]},
        "interval": {"unit": row["interval_unit"], "count": row["interval_count"]},
    }
