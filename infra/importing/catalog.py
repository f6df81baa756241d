"""What the rows need in the catalog, made where it is missing. What is there already is used as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

from domain.money import Money
from infra.importing.errors import ImportFailed
from infra.importing.mapping import ImportMapping
from infra.ledger_batches import LedgerBatches
from infra.ledger_client import LedgerClient, Refused

EXISTS = 409


class Catalog:
    """Ensures items; ``position`` is where the catalog stands when all of them are there, for commands that use them."""

    def __init__(self, client: LedgerClient, batches: LedgerBatches, mapping: ImportMapping) -> None:
        self._client = client
        self._batches = batches
        self._mapping = mapping
        self._sequence = 0

    @property
    def position(self) -> str:
        return f"catalog@{self._sequence}" if self._sequence else ""

    async def ensure_items(self, as_of: datetime) -> None:
        """Storefront, entitlements, bundle and test clock; raises Refused, or ImportFailed where the clock stands elsewhere."""
        mapping = self._mapping
        await self._ensure("/v1/storefronts", mapping.storefront.model_dump(mode="json"))
        for entitlement in mapping.entitlements:
            await self._ensure("/v1/entitlements", entitlement.model_dump(mode="json", exclude={"value"}))
        grants = [{"entitlement": one.id, "value": one.value} for one in mapping.entitlements]
        await self._ensure("/v1/bundles", {**mapping.bundle.model_dump(), "storefront": mapping.storefront.id, "grants": grants})
        if mapping.test_clock is not None:
            await self._ensure_clock(mapping.test_clock, as_of)

    async def _ensure_clock(self, id: str, as_of: datetime) -> None:
        await self._ensure("/v1/test-clocks", {"id": id, "name": f"import {self._mapping.name}", "now": as_of.isoformat()})
        clock = await self._client.get(f"/v1/test-clocks/{id}")
        if datetime.fromisoformat(clock.body["now"]) != as_of:
            raise ImportFailed(f"test clock {id!r} stands at {clock.body['now']}, not at {as_of.isoformat()}")

    async def ensure_price(self, amount: Money) -> None:
        """A price of the bundle for an amount, under an id that the amount gives; raises Refused."""
        id = self._mapping.price_id(amount.amount, amount.currency)
        interval = self._mapping.interval.model_dump()
        await self._ensure(
            "/v1/prices", {"id": id, "bundle": self._mapping.bundle.id, "amount": amount.model_dump(), "interval": interval}
        )

    async def _ensure(self, path: str, body: Mapping[str, Any]) -> None:
        # The body is part of the key: with another definition it is another command, which meets the item that is there.
        try:
            reply = await self._batches.post(path, body, key(self._mapping.name, path, orjson.dumps(body).decode()))
        except Refused as refused:
            if refused.status != EXISTS:
                raise
            return
        self._sequence = max(self._sequence, _sequence(reply.position))


def key(*parts: str) -> str:
    """An idempotency key: the same parts, the same key; it tells nothing of them."""
    return f"import-{sha256(orjson.dumps(parts)).hexdigest()[:48]}"


def _sequence(position: str) -> int:
    return int(position.rpartition("@")[2] or 0)


def distinct(amounts: Iterable[Money]) -> list[Money]:
    """Each amount once, in the order of the file."""
    return list(dict.fromkeys(amounts))
