"""How customers' rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "id, external_id, storefront, timezone, test_clock, name, email, phone, address, payment_provider, payment_token,"
    " billing_day, billed_together, created, version"
)
_PLAIN = ("id", "external_id", "storefront", "timezone", "test_clock", "billing_day", "billed_together", "created", "version")
_PERSONAL = ("name", "email", "phone", "address")


def body(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as its resource. No personal data at all (none was given, or its key is gone) shows as null."""
    personal = {name: row[name] for name in _PERSONAL}
    method = {"provider": row["payment_provider"], "token": row["payment_token"]}
    return {
        **{name: row[name] for name in _PLAIN},
        "personal": personal if any(value is not None for value in personal.values()) else None,
        "payment_method": method if method["provider"] is not None else None,
    }
