"""How account balances are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = "currency, surplus"


def body(customer: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A customer's rows as one resource."""
    return {"customer": customer, "surplus": [{"amount": row["surplus"], "currency": row["currency"]} for row in rows]}
