"""What is sold and to whom: tenants with a key, a small catalog and registered customers, made through the command API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench.harness.deployment import Deployment
from bench.harness.load import LoadFailed
from infra.ledger_client import LedgerClient

PAID, TRIAL, WEEKLY = "gold-monthly-eur", "gold-trial-eur", "gold-weekly-eur"
# As many lines as the ledger reads before their results are read.
_BATCH, _SENDERS = 500, 4
_PATIENCE_S = 120.0
_AMOUNT = {"amount": 999, "currency": "EUR"}
_CATALOG = (
    ("/v1/storefronts", {"id": "web", "name": "Web", "timezone": "UTC"}),
    ("/v1/entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("/v1/bundles", {"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]}),
    ("/v1/prices", {"id": PAID, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}}),
    ("/v1/prices", {"id": TRIAL, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}, "trial_days": 14}),
    ("/v1/prices", {"id": WEEKLY, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "week"}}),
)


@dataclass(frozen=True, slots=True)
class Command:
    """A POST with its idempotency key."""

    path: str
    body: Mapping[str, Any]
    key: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant: its ``key`` may do everything; ``customers`` are ids, with a payment method that always pays."""

    tenant: str
    key: str
    customers: tuple[str, ...]

    def customers_file(self, folder: Path) -> Path:
        """The customers' ids in a file, one a line."""
        path = folder / f"{self.tenant}.customers"
        path.write_text("\n".join(self.customers))
        return path


def open_shop(deployment: Deployment, customers: int, tenant: str = "acme") -> Shop:
    """A new tenant with so many customers. Raises LedgerUnreachable, Refused or LoadFailed."""
    return asyncio.run(_open_shop(deployment, tenant, customers))


def open_tenant(deployment: Deployment, tenant: str) -> str:
    """A key, which may do everything, of a new tenant that sells nothing yet."""
    return asyncio.run(_open_tenant(deployment, tenant))


async def _open_tenant(deployment: Deployment, tenant: str) -> str:
    async with LedgerClient(deployment.commands.url, deployment.settings.admin_key_text, tenant=tenant, reason="bench") as admin:
        await admin.post("/v1/tenants", {"id": tenant, "name": tenant}, "tenant")
        reply = await admin.post("/v1/api-keys", {"name": "bench", "permissions": ["read", "write", "backdate"]}, "key")
    return str(reply.body["key"])


async def _open_shop(deployment: Deployment, tenant: str, customers: int) -> Shop:
    key = await _open_tenant(deployment, tenant)
    async with LedgerClient(deployment.commands.url, key) as client:
        for path, body in _CATALOG:
            position = (await client.post(path, body, f"{path}-{body['id']}")).position
    registered = await _send_all(deployment, key, map(_registration, range(customers)), position)
    return Shop(tenant, key, tuple(registered))


def with_more_customers(deployment: Deployment, shop: Shop, customers: int) -> Shop:
    """The same tenant with so many customers more. Raises LoadFailed."""
    known = len(shop.customers)
    more = send_all(deployment, shop.key, map(_registration, range(known, known + customers)))
    return replace(shop, customers=(*shop.customers, *more))


def send_all(deployment: Deployment, key: str, commands: Iterable[Command]) -> list[str]:
    """Send many commands by the batch route, some at once, in no order; the ids of their answers, in the given order.

    Raises LoadFailed where one is refused.
    """
    return asyncio.run(_send_all(deployment, key, commands))


async def _send_all(deployment: Deployment, key: str, commands: Iterable[Command], catalog: str = "") -> list[str]:
    waiting, ids = iter(commands), list[list[str]]()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson", "Ledger-Min-Position": catalog}

    async def send() -> None:
        while batch := list(islice(waiting, _BATCH)):
            ids.append([])
            place = len(ids) - 1
            lines = [orjson.dumps({"idempotency_key": each.key, "path": each.path, "body": each.body}) for each in batch]
            answer = await http.post("/v1/commands:batch", content=b"\n".join(lines), headers=headers)
            ids[place] = _ids(answer)

    async with httpx.AsyncClient(base_url=deployment.commands.url, timeout=_PATIENCE_S, trust_env=False) as http:
        await asyncio.gather(*(send() for _ in range(_SENDERS)))
    return [each for batch in ids for each in batch]


def _ids(answer: httpx.Response) -> list[str]:
    if not answer.is_success:
        raise LoadFailed(f"a batch was refused: {answer.text[:500]}")
    results = sorted(map(orjson.loads, answer.text.splitlines()), key=itemgetter("line"))
    for result in results:
        if result["status"] >= httpx.codes.BAD_REQUEST:
            raise LoadFailed(f"a line was refused: {result}")
    return [str(result["body"]["id"]) for result in results]


def _registration(number: int) -> Command:
    method = {"provider": "simulator", "token": "sim_ok"}
    body = {"storefront": "web", "external_id": f"u-{number}", "payment_method": method}
    return Command("/v1/customers", body, f"customer-{number}")
