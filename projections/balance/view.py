"""How account balances are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = "currency, surplus, credit"


def body(customer: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A customer's rows as one resource."""
    found = list(rows)

    def amounts(column: str) -> list[dict[str, Any]]:
        return [{"amount": row[column], "currency": row["currency"]} for row in found if row[column]]

    return {"customer": customer, "surplus": amounts("surplus"), "credit": amounts("credit")}
