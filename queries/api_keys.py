"""API keys: as a list, and by hash to authenticate with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from projections.api_keys import view
from queries.lists import Listing
from queries.ports import ReadModels, Row

API_KEYS = Listing("api_keys", view.COLUMNS, (("created", "timestamptz"), ("id", "text")))


async def by_hash(read: ReadModels, tenant: str, hashes: Sequence[str]) -> tuple[Mapping[str, Row], Mapping[str, int]]:
    """The keys whose texts have these hashes, revoked or not, and the positions of these rows; a hash of none is left out."""
    sql = f"SELECT {view.AUTHENTICATION_COLUMNS} FROM ledger.api_keys WHERE secret_hash = ANY(%(hashes)s)"
    rows, at = await read.rows(tenant, sql, hashes=hashes)
    return {row["secret_hash"]: row for row in rows}, at
