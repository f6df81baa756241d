"""How payments' rows are read, with their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = (
    "id", "invoice", "customer", "subscription", "storefront", "purpose", "state", "retry_at", "paid_at", "reference", "created",
    "version",
)  # fmt: skip
_ATTEMPTS = """(
    SELECT coalesce(json_agg(json_build_object(
        'attempt', attempt, 'state', state, 'started_at', started_at, 'settled_at', settled_at, 'provider', provider,
        'provider_reference', provider_reference, 'code', code
    ) ORDER BY attempt), '[]') FROM ledger.payment_attempts AS a WHERE a.tenant = payments.tenant AND a.payment = payments.id
) AS attempts"""
COLUMNS = ", ".join((*_PLAIN, "amount", "currency", "applied", "surplus", "refunded", _ATTEMPTS))


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource."""
    money = {name: {"amount": row[name], "currency": row["currency"]} for name in ("amount", "applied", "surplus", "refunded")}
    return {**{name: row[name] for name in _PLAIN}, **money, "attempts": row["attempts"]}
