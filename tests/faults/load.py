"""A light load of single commands: customers who register, start a subscription, pay or fail to, and cancel.

They live on a test clock that stands still, so that the same customers come to the same rows whatever happens meanwhile.
"""

from __future__ import annotations

from typing import Any

from infra.ledger_client import LedgerClient
from tests.e2e.importing import T

CLOCK = "standing"
_CATALOG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("storefronts", {"id": "web", "name": "Web shop", "timezone": "Europe/Berlin"}),
    ("entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("bundles", {"id": "basic", "storefront": "web", "name": "Basic", "grants": [{"entitlement": "hd", "value": True}]}),
    ("prices", {"id": "paid", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"}}),
    ("prices", {"id": "trial", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"},
                "trial_days": 14}),
    ("test-clocks", {"id": CLOCK, "name": "stands still", "now": T.isoformat()}),
)  # fmt: skip
# What the n-th customer does: price, token of the payment method, when they cancel.
_LIVES = (("trial", None, "now"), ("paid", "sim_ok", None), ("trial", None, "period_end"), ("paid", "sim_decline", None))


async def open_shop(client: LedgerClient) -> None:
    """What the customers buy."""
    for path, body in _CATALOG:
        await client.post(f"/v1/{path}", body, f"{path}-{body['id']}")


async def live(client: LedgerClient, number: int) -> None:
    """All commands of a customer, one after the other, each sent until it is answered; raises Refused or LedgerUnreachable."""
    price, token, cancels_at = _LIVES[number % len(_LIVES)]
    registration = {"storefront": "web", "external_id": f"load-{number}", "test_clock": CLOCK}
    customer = (await client.post("/v1/customers", registration, f"customer-{number}")).body["id"]
    if token is not None:
        method = {"payment_method": {"provider": "simulator", "token": token}}
        await client.post(f"/v1/customers/{customer}/payment-method", method, f"method-{number}")
    started = await client.post("/v1/subscriptions", {"customer": customer, "price": price}, f"start-{number}")
    if cancels_at is not None:
        await client.post(f"/v1/subscriptions/{started.body['id']}/cancel", {"at": cancels_at}, f"cancel-{number}")
