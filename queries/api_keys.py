"""API keys: as a list, and by hash to authenticate with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.api_keys import view
from queries.lists import Listing
from queries.ports import Row, Snapshot

API_KEYS = Listing("api_keys", view.COLUMNS, (("created", "timestamptz"), ("id", "text")))


async def by_hash(snapshot: Snapshot, hashes: Sequence[str]) -> Mapping[str, Row]:
    """The keys whose texts have these hashes, revoked or not; a hash of none is left out."""
    sql = f"SELECT {view.AUTHENTICATION_COLUMNS} FROM ledger.api_keys WHERE secret_hash = ANY(%(hashes)s)"
    return {row["secret_hash"]: row for row in await snapshot.all(sql, hashes=hashes)}
