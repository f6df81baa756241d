"""How granted entitlements are read: a grant with the access that its subscription has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]

COLUMNS = "g.entitlement, g.kind, g.value, g.subscription, g.bundle, a.starts_at, a.access, a.access_until, a.ended"
SOURCE = "ledger.granted_entitlements AS g JOIN ledger.subscription_access AS a USING (tenant, subscription, agreement)"


def refusal(row: Row, at: datetime) -> str | None:
    """Why a grant does not hold at an instant, or None where it holds."""
    if at < row["starts_at"]:
        return "not_started"
    if row["ended"] or (row["access_until"] is not None and row["access_until"] <= at):
        return "ended"
    return None if row["access"] else "access_withdrawn"


def granted(row: Row) -> dict[str, Any]:
    """A grant that holds, as its resource."""
    return {name: row[name] for name in ("entitlement", "kind", "value", "subscription", "bundle")} | {
        "until": row["access_until"]
    }
