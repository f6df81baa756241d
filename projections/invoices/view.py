"""How invoices' rows are read: the whole document, with what paid it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

_PLAIN = (
    "id", "number", "customer", "subscription", "subscriptions", "storefront",
    "status", "currency", "finalizes_at", "issued_at", "due_at", "paid_at", "version",
)  # fmt: skip
_OF_LINE = (
    "subscription", "item", "charge", "discount", "bundle", "price", "price_version",
)  # fmt: skip
_PAYMENTS = """(
    SELECT coalesce(
        json_agg(json_build_object('payment', payment, 'amount', amount, 'applied_at', applied_at) ORDER BY invoice_version), '[]'
    ) FROM ledger.invoice_payments AS p WHERE p.tenant = invoices.tenant AND p.invoice = invoices.id
) AS payments"""
_CREDIT_NOTES = """(
    SELECT coalesce(
        json_agg(
            json_build_object(
                'number', number, 'lines', lines, 'amount', amount, 'to_account', to_account, 'reason', reason,
                'issued_at', issued_at
            ) ORDER BY invoice_version
        ),
        '[]'
    ) FROM ledger.invoice_credit_notes AS n WHERE n.tenant = invoices.tenant AND n.invoice = invoices.id
) AS credit_notes"""
_AMOUNTS = ("total", "credit_applied", "credited", "written_off", "open")
COLUMNS = ", ".join((*_PLAIN, "created", "lines", *_AMOUNTS, _PAYMENTS, _CREDIT_NOTES))


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource."""

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": row["currency"]}

    waived = Counter[int]()
    for each in (each for note in row["credit_notes"] for each in note["lines"]):
        waived[each["line"]] += each["amount"]
    return {
        **{name: row[name] for name in _PLAIN},
        "lines": [_line(line, money, waived[number]) for number, line in enumerate(row["lines"], 1)],
        **{name: money(row[name]) for name in _AMOUNTS},
        "payments": [payment | {"amount": money(payment["amount"])} for payment in row["payments"]],
        "credit_notes": [
            note
            | {name: money(note[name]) for name in ("amount", "to_account")}
            | {"lines": [each | {"amount": money(each["amount"])} for each in note["lines"]]}
            for note in row["credit_notes"]
        ],
    }


def _line(line: Mapping[str, Any], money: Callable[[int], dict[str, Any]], waived: int) -> dict[str, Any]:
    return {
        "kind": line["kind"],
        "description": line["description"],
        **{name: line[name] or None for name in _OF_LINE},
        "quantity": line["quantity"],
        "period": {"start": line["period_start"], "end": line["period_end"]},
        "amount": money(line["amount"]),
        "waived": money(waived),
    }
