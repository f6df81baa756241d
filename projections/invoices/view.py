"""How invoices' rows are read: the whole document, with what paid it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = (
    "id", "number", "customer", "subscription", "storefront", "status", "currency", "issued_at", "due_at", "paid_at", "version",
)  # fmt: skip
_PAYMENTS = """(
    SELECT coalesce(
        json_agg(json_build_object('payment', payment, 'amount', amount, 'applied_at', applied_at) ORDER BY invoice_version), '[]'
    ) FROM ledger.invoice_payments AS p WHERE p.tenant = invoices.tenant AND p.invoice = invoices.id
) AS payments"""
COLUMNS = ", ".join((*_PLAIN, "lines", "total", "open", _PAYMENTS))


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource."""

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": row["currency"]}

    return {
        **{name: row[name] for name in _PLAIN},
        "lines": [_line(line) | {"amount": money(line["amount"])} for line in row["lines"]],
        "total": money(row["total"]),
        "open": money(row["open"]),
        "payments": [payment | {"amount": money(payment["amount"])} for payment in row["payments"]],
    }


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: line[name] for name in ("kind", "description", "bundle", "price", "price_version")}
    return rest | {"period": {"start": line["period_start"], "end": line["period_end"]}}
