"""What a customer has paid beyond what was owed."""

from __future__ import annotations

from typing import Any

from projections.balance import view
from queries.ports import Snapshot


async def find(snapshot: Snapshot, customer: str) -> dict[str, Any] | None:
    """The balance by currency; None where there is no such customer."""
    if await snapshot.one("SELECT 1 AS found FROM ledger.customers WHERE id = %(customer)s", customer=customer) is None:
        return None
    sql = f"SELECT {view.COLUMNS} FROM ledger.balances WHERE customer = %(customer)s ORDER BY currency"
    return view.body(customer, await snapshot.all(sql, customer=customer))
