"""API keys: as a list, and by hash to authenticate with."""

from __future__ import annotations

from projections.api_keys import view
from queries.lists import Listing
from queries.ports import Row, Snapshot

API_KEYS = Listing("api_keys", view.COLUMNS, (("created", "timestamptz"), ("id", "text")))


async def find_by_hash(snapshot: Snapshot, secret_hash: str) -> Row | None:
    """The key whose text has this hash, revoked or not."""
    sql = f"SELECT {view.AUTHENTICATION_COLUMNS} FROM ledger.api_keys WHERE secret_hash = %(secret_hash)s LIMIT 1"
    return await snapshot.one(sql, secret_hash=secret_hash)
