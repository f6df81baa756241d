"""What a client does for a customer: registers, buys, changes its mind, repeats itself, looks, meddles with others, and makes
months pass for those who live on a test clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from tests.checker.history import Call
from tests.faults.cluster.caller import Caller, Command

TRIAL_DAYS = 14
CLOCKS = ("clock-1", "clock-2")
CLOCKS_START = datetime(2026, 1, 31, 12, tzinfo=UTC)
CATALOG: tuple[tuple[str, dict[str, Any]], ...] = (
    ("storefronts", {"id": "web", "name": "Web shop", "timezone": "Europe/Berlin"}),
    ("entitlements", {"id": "hd", "kind": "flag", "name": "HD"}),
    ("bundles", {"id": "basic", "storefront": "web", "name": "Basic", "grants": [{"entitlement": "hd", "value": True}]}),
    ("prices", {"id": "paid", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"}}),
    ("prices", {"id": "daily", "bundle": "basic", "amount": {"amount": 99, "currency": "EUR"}, "interval": {"unit": "day"}}),
    ("prices", {"id": "trial", "bundle": "basic", "amount": {"amount": 799, "currency": "EUR"}, "interval": {"unit": "month"},
                "trial_days": TRIAL_DAYS}),
    *(("test-clocks", {"id": clock, "now": CLOCKS_START.isoformat()}) for clock in CLOCKS),
)  # fmt: skip
_TOKENS = ("sim_ok", "sim_ok", "sim_decline_ok", "sim_timeout", "sim_lost", "sim_decline", "sim_timeout_decline_ok")
_ZONES = ("Europe/Paris", "Asia/Tokyo", "America/New_York")
_ACTIONS = (2, 7)
_LINES = 5
_THINK_S = 0.3  # on average
_KNOWN_MAX = 30


@dataclass
class World:
    """What all lives have in common. ``known``: customers, with a subscription each as they were last answered, that any client
    may act on; ``clocks``: how far somebody wants each to be.
    """

    known: deque[tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=lambda: deque(maxlen=_KNOWN_MAX))
    clocks: dict[str, datetime] = field(default_factory=lambda: dict.fromkeys(CLOCKS, CLOCKS_START))


class Life:
    """One customer's. ``stop``: come to an end soon."""

    def __init__(self, caller: Caller, name: str, world: World, stop: Event) -> None:
        self._caller = caller
        self._random = caller.random
        self._name = name
        self._world = world
        self._stop = stop
        self._done: list[Command] = []
        self._keys = 0

    async def live(self) -> None:
        """All of it. Raises TimeoutError where a command stays without an answer, AssertionError where one is refused."""
        personal = {"name": f"Ada {self._name}", "email": f"{self._name}@example.com"} if self._random.random() < 0.3 else None
        self._clock = self._random.choice([None, None, None, None, *CLOCKS])
        registration = {"storefront": "web", "external_id": self._name, "personal": personal, "test_clock": self._clock}
        self._customer = await self._made("/v1/customers", registration)
        await self._set_method()
        self._subscription = await self._made("/v1/subscriptions", self._beginning())
        self._world.known.append((self._customer, self._subscription))
        actions: tuple[Callable[[], Awaitable[object]], ...] = (
            self._set_method, self._change, self._cancel, self._pay, self._repeat, self._repeat_otherwise, self._look, self._look,
            self._meddle, self._register_many, *([self._advance] * 4 if self._clock else []),
        )  # fmt: skip
        for _ in range(self._random.randint(*_ACTIONS)):
            if self._stop.is_set():
                return
            await asyncio.sleep(self._random.expovariate(1 / _THINK_S))
            await self._random.choice(actions)()

    def _beginning(self) -> dict[str, Any]:
        """A subscription from now on; or from so long ago that a trial or period ends in the next seconds, and a timer fires."""
        backdated = [("trial", TRIAL_DAYS), ("daily", 1), ("daily", 3)]
        price, days = self._random.choice([("paid", 0), ("trial", 0), *([] if self._clock else backdated)])
        body: dict[str, Any] = {"customer": self._customer["id"], "price": price}
        if days:
            soon = timedelta(seconds=self._random.uniform(2, 25))
            body["start_at"] = (datetime.now(UTC) - timedelta(days=days) + soon).isoformat()
        return body

    async def _set_method(self) -> None:
        method = {"provider": "simulator", "token": self._random.choice(_TOKENS)}
        await self._send(f"/v1/customers/{self._customer['id']}/payment-method", {"payment_method": method})

    async def _change(self) -> None:
        call = await self._change_zone(self._customer)
        if call.acknowledged:
            self._customer = call.answer

    async def _change_zone(self, customer: Mapping[str, Any]) -> Call:
        """With a version that may be the present one, or is not."""
        tag = f'"{customer["receipt"]["version"] + self._random.randrange(2)}"'
        return await self._send(f"/v1/customers/{customer['id']}", {"timezone": self._random.choice(_ZONES)}, **{"if-match": tag})

    async def _advance(self) -> None:
        """The own clock, which others advance as well: by then it may stand further than this one wants it."""
        assert self._clock is not None
        self._world.clocks[self._clock] += timedelta(days=self._random.uniform(5, 100))
        now = self._world.clocks[self._clock].isoformat()
        await self._send(f"/v1/test-clocks/{self._clock}/advance", {"now": now})

    async def _cancel(self) -> None:
        await self._cancel_one(self._subscription)

    async def _cancel_one(self, subscription: Mapping[str, Any]) -> None:
        at = self._random.choice(["now", "period_end"])
        await self._send(f"/v1/subscriptions/{subscription['id']}/cancel", {"at": at})

    async def _meddle(self) -> None:
        """With somebody else's, at the same time as they."""
        customer, subscription = self._random.choice(self._world.known)
        await asyncio.gather(self._change_zone(customer), self._cancel_one(subscription), self._change_zone(customer))

    async def _pay(self) -> None:
        found = await self._caller.ask(f"/v1/invoices?customer={self._customer['id']}")
        for invoice in found["data"][:1] if found else []:
            recorded = {"kind": "recorded", "amount": {"amount": 99, "currency": "EUR"}}
            body: dict[str, Any] = self._random.choice([{"kind": "charge"}, recorded])
            await self._send(f"/v1/invoices/{invoice['id']}/payments", body)

    async def _register_many(self) -> None:
        """Customers of all partitions, in a batch."""
        names = [f"{self._name}-{self._keys}-{line}" for line in range(_LINES)]
        self._keys += 1
        await self._caller.batch([
            Command("/v1/customers", {"storefront": "web", "external_id": name}, name) for name in names
        ])  # fmt: skip

    async def _repeat(self) -> None:
        """The same with the same key."""
        await self._caller.send(self._random.choice(self._done))

    async def _repeat_otherwise(self) -> None:
        """Something else with a key that was used."""
        used = next((command for command in self._done if command.path.endswith("/payment-method")), None)
        if used is not None:
            await self._caller.send(Command(used.path, {"payment_method": None}, used.key))

    async def _look(self) -> None:
        what = self._random.choice(["customers/{}", "customers/{}/entitlements"]).format(self._customer["id"])
        await self._caller.ask(f"/v1/{self._random.choice([what, 'subscriptions/' + self._subscription['id']])}")

    async def _made(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        call = await self._send(path, body)
        assert call.acknowledged, call.answer
        made: Mapping[str, Any] = call.answer
        return made

    async def _send(self, path: str, body: dict[str, Any], **headers: str) -> Call:
        """A new command."""
        command = Command(path, body, f"{self._name}-{self._keys}", headers)
        self._keys += 1
        call = await self._caller.send(command)
        if call.acknowledged:
            self._done.append(command)
        return call
