"""What a client does for a customer: registers, buys, changes its mind, repeats itself, looks at what it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.cluster.workload import Caller

TRIAL_DAYS = 14
CATALOG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("storefronts", {"id": "web", "name": "Web shop", "timezone": "Europe/Berlin"}),
    ("entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("bundles", {"id": "basic", "storefront": "web", "name": "Basic", "grants": [{"entitlement": "hd", "value": True}]}),
    ("prices", {"id": "paid", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"}}),
    ("prices", {"id": "daily", "bundle": "basic", "amount": {"amount": 99, "currency": "EUR"}, "interval": {"unit": "day"}}),
    ("prices", {"id": "trial", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"},
                "trial_days": TRIAL_DAYS}),
)  # fmt: skip
_TOKENS = ("sim_ok", "sim_ok", "sim_decline_ok", "sim_timeout", "sim_lost", "sim_decline", "sim_timeout_decline_ok")
_ACTIONS = (2, 7)
_THINK_S = 0.3  # on average


class Life:
    """One customer's. ``stop``: come to an end soon."""

    def __init__(self, caller: Caller, name: str, stop: Event) -> None:
        self._caller = caller
        self._random = caller.random
        self._name = name
        self._stop = stop
        self._done: list[tuple[str, Any, str, dict[str, str]]] = []  # commands that were answered
        self._keys = 0
        self._customer: dict[str, Any] = {}
        self._subscription: dict[str, Any] = {}

    async def live(self) -> None:
        """All of it. Raises TimeoutError where a command stays without an answer."""
        personal = {"name": f"Ada {self._name}", "email": f"{self._name}@example.com"} if self._random.random() < 0.3 else None
        body = {"storefront": "web", "external_id": self._name, "personal": personal}
        self._customer = await self._send("/v1/customers", body) or {}
        await self._set_method()
        await self._start()
        actions: tuple[Callable[[], Awaitable[object]], ...] = (
            self._set_method, self._change, self._cancel, self._pay, self._repeat, self._repeat_otherwise, self._look, self._look,
        )  # fmt: skip
        for _ in range(self._random.randint(*_ACTIONS)):
            if self._stop.is_set():
                return
            await asyncio.sleep(self._random.expovariate(1 / _THINK_S))
            await self._random.choice(actions)()

    async def _start(self) -> None:
        """Now; or so long ago that a trial or a period ends in the next seconds, and a timer fires."""
        soon = timedelta(seconds=self._random.uniform(2, 25))
        price, ago = self._random.choice([
            ("paid", None), ("trial", None), ("trial", timedelta(days=TRIAL_DAYS)), ("daily", timedelta(days=1)),
            ("daily", timedelta(days=3)),
        ])  # fmt: skip
        body: dict[str, Any] = {"customer": self._customer["id"], "price": price}
        if ago is not None:
            body["start_at"] = (datetime.now(UTC) - ago + soon).isoformat()
        self._subscription = await self._send("/v1/subscriptions", body) or {}

    async def _set_method(self) -> None:
        method = {"provider": "simulator", "token": self._random.choice(_TOKENS)}
        path = f"/v1/customers/{self._customer['id']}/payment-method"
        self._customer = await self._send(path, {"payment_method": method}) or self._customer

    async def _change(self) -> None:
        """With a version that is the present one, or was."""
        stale = self._random.randrange(2)
        tag = f'"{max(1, self._customer["receipt"]["version"] - stale)}"'
        zone = self._random.choice(["Europe/Paris", "Asia/Tokyo", "America/New_York"])
        path = f"/v1/customers/{self._customer['id']}"
        self._customer = await self._send(path, {"timezone": zone}, **{"if-match": tag}) or self._customer

    async def _cancel(self) -> None:
        path = f"/v1/subscriptions/{self._subscription['id']}/cancel"
        await self._send(path, {"at": self._random.choice(["now", "period_end"])})

    async def _pay(self) -> None:
        found = await self._caller.ask(f"/v1/invoices?customer={self._customer['id']}")
        for invoice in found["data"][:1] if found else []:
            recorded = {"kind": "recorded", "amount": {"amount": 99, "currency": "EUR"}}
            body: dict[str, Any] = self._random.choice([{"kind": "charge"}, recorded])
            await self._send(f"/v1/invoices/{invoice['id']}/payments", body)

    async def _repeat(self) -> None:
        """The same with the same key."""
        path, body, key, headers = self._random.choice(self._done)
        await self._caller.command(path, body, key, **headers)

    async def _repeat_otherwise(self) -> None:
        """Something else with a key that was used."""
        for path, body, key, headers in self._done:
            if "payment_method" in body:
                other = {**body["payment_method"], "token": f"{body['payment_method']['token']}_ok"}
                await self._caller.command(path, {"payment_method": other}, key, **headers)
                return

    async def _look(self) -> None:
        kind, id = self._random.choice([("customers", self._customer["id"]), ("subscriptions", self._subscription["id"])])
        await self._caller.ask(f"/v1/{kind}/{id}{self._random.choice(['', '/entitlements']) if kind == 'customers' else ''}")

    async def _send(self, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any] | None:
        """A new command; its answer where it was done."""
        key = f"{self._name}-{self._keys}"
        self._keys += 1
        status, answer = await self._caller.command(path, body, key, **headers)
        if status >= 300:
            return None
        self._done.append((path, body, key, headers))
        assert isinstance(answer, dict)
        return answer
