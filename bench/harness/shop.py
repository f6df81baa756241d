"""What is sold and to whom: tenants with a key, a small catalog and registered customers, made through the command API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from bench.harness.deployment import Deployment
from infra.ledger_batches import LedgerBatches
from infra.ledger_client import LedgerClient

PAID, TRIAL = "gold-monthly-eur", "gold-trial-eur"
_AT_ONCE = 10_000
_AMOUNT = {"amount": 999, "currency": "EUR"}
_CATALOG = (
    ("/v1/storefronts", {"id": "web", "name": "Web", "timezone": "UTC"}),
    ("/v1/entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("/v1/bundles", {"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]}),
    ("/v1/prices", {"id": PAID, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}}),
    ("/v1/prices", {"id": TRIAL, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}, "trial_days": 14}),
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
    """A new tenant with so many customers. Raises LedgerUnreachable or Refused."""
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
        registered = await _send_all(client, map(_registration, range(customers)), position)
    return Shop(tenant, key, tuple(registered))


def with_more_customers(deployment: Deployment, shop: Shop, customers: int) -> Shop:
    """The same tenant with so many customers more. Raises LedgerUnreachable or Refused."""
    known = len(shop.customers)
    more = send_all(deployment, shop.key, map(_registration, range(known, known + customers)))
    return replace(shop, customers=(*shop.customers, *more))


def send_all(deployment: Deployment, key: str, commands: Iterable[Command]) -> list[str]:
    """Send many commands, some at once, in no order; the ids of their answers, in the given order.

    Raises LedgerUnreachable or Refused.
    """

    async def send() -> list[str]:
        async with LedgerClient(deployment.commands.url, key) as client:
            return await _send_all(client, commands)

    return asyncio.run(send())


async def _send_all(client: LedgerClient, commands: Iterable[Command], catalog: str = "") -> list[str]:
    waiting, ids = iter(commands), list[str]()
    async with LedgerBatches(client) as batches:

        async def one(command: Command) -> str:
            return str((await batches.post(command.path, command.body, command.key, min_position=catalog)).body["id"])

        while some := list(islice(waiting, _AT_ONCE)):
            ids += await asyncio.gather(*map(one, some))
    return ids


def _registration(number: int) -> Command:
    method = {"provider": "simulator", "token": "sim_ok"}
    body = {"storefront": "web", "external_id": f"u-{number}", "payment_method": method}
    return Command("/v1/customers", body, f"customer-{number}")
