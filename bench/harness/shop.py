"""What is sold and to whom: tenants with a key, a small catalog and registered customers, made through the command API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.harness.deployment import Deployment
from infra.ledger_client import LedgerClient

PAID, TRIAL = "gold-monthly-eur", "gold-trial-eur"
_AMOUNT = {"amount": 999, "currency": "EUR"}
_CATALOG = (
    ("/v1/storefronts", {"id": "web", "name": "Web", "timezone": "UTC"}),
    ("/v1/entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("/v1/bundles", {"id": "gold", "storefront": "web", "name": "Gold", "grants": [{"entitlement": "hd", "value": True}]}),
    ("/v1/prices", {"id": PAID, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}}),
    ("/v1/prices", {"id": TRIAL, "bundle": "gold", "amount": _AMOUNT, "interval": {"unit": "month"}, "trial_days": 14}),
)


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
        return Shop(tenant, key, await _register(client, customers, position))


async def _register(client: LedgerClient, customers: int, catalog: str) -> tuple[str, ...]:
    numbers = iter(range(customers))

    async def register(number: int) -> str:
        body = {
            "storefront": "web",
            "external_id": f"u-{number}",
            "payment_method": {"provider": "simulator", "token": "sim_ok"},
        }
        return str((await client.post("/v1/customers", body, f"customer-{number}", min_position=catalog)).body["id"])

    found: list[str] = []
    while some := list(islice(numbers, 1000)):
        found += await asyncio.gather(*map(register, some))
    return tuple(found)
