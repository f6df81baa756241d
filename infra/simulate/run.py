"""A plan, month by month: some join, some do something, then the clock moves on and all that falls due is done."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import uvloop
from pydantic import BaseModel
from whenever import Instant

from domain.pricing.calendar import add
from infra.bootstrap import open_log
from infra.ledger_batches import LedgerBatches
from infra.ledger_client import LedgerClient, Refused
from infra.psp.registry import SIMULATOR
from infra.settings import Settings
from infra.simulate.history import History
from infra.simulate.ledger import opened, sandbox
from infra.simulate.months import Month, Months
from infra.simulate.plan import Action, Group, Plan, PlanInvalid

CLOCK = "simulation"

Progress = Callable[[int, int], None]
"""Told (done, of how many) months."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """The months' rows; how many commands of the population were ``refused``, by the problem's code; the log's ``events``."""

    months: list[Month]
    refused: Counter[str]
    events: int


@dataclass(slots=True)
class _Member:
    """A customer with a subscription. ``random`` decides all that is left to chance, whatever the others do."""

    group: Group
    number: int
    joined: int
    random: Random
    subscription: str = ""


def simulate(plan: Plan, months: int, seed: int, progress: Progress) -> Simulated:
    """Carry out a plan for so many months. The same seed gives the same; raises PlanInvalid."""
    with tempfile.TemporaryDirectory(prefix="subledger-simulate-") as folder:
        return uvloop.run(_simulate(sandbox(Path(folder), seed), plan, months, seed, progress))


async def _simulate(settings: Settings, plan: Plan, months: int, seed: int, progress: Progress) -> Simulated:
    async with opened(settings) as client, LedgerBatches(client) as batches:
        with open_log(settings, must_exist=True) as log:
            work = _Simulation(client, batches, History(log), plan, seed)
            return await work.run(months, progress)


class _Simulation:
    def __init__(self, client: LedgerClient, batches: LedgerBatches, history: History, plan: Plan, seed: int) -> None:
        self._client = client
        self._batches = batches
        self._history = history
        self._plan = plan
        self._seed = seed
        self._members: list[_Member] = []
        self._months = Months()
        self._refused: Counter[str] = Counter()
        self._catalog = ""  # the position at which all is there

    async def run(self, months: int, progress: Progress) -> Simulated:
        await self._open_shop()
        rows: list[Month] = []
        for month in range(months):
            progress(month, months)
            joining = list(self._joining(month))
            acting = [(member, action) for member in self._members for action in self._acting(member, month)]
            await asyncio.gather(*(self._join(member) for member in joining))
            await asyncio.gather(*(self._act(member, action, month) for member, action in acting))
            self._members += joining
            await self._client.post(f"/v1/test-clocks/{CLOCK}/advance", {"now": self._begin(month + 1).isoformat()}, f"{month}")
            await asyncio.to_thread(self._months.read, self._history)  # the node in this process has to go on
            rows += self._months.close(self._begin(month))
        progress(months, months)
        return Simulated(rows, self._refused, self._history.events)

    def _begin(self, month: int) -> datetime:
        zone = self._plan.timezone
        return Instant(add(self._plan.start, zone, "month", month)).to_tz(zone).to_stdlib()

    async def _open_shop(self) -> None:
        catalog = self._plan.catalog
        for path, bodies in (
            ("storefronts", catalog.storefronts),
            ("entitlements", catalog.entitlements),
            ("bundles", catalog.bundles),
            ("prices", catalog.prices),
            ("coupons", catalog.coupons),
        ):
            for number, body in enumerate(bodies):
                await self._define(f"/v1/{path}", body, f"/catalog/{path}/{number}")
        await self._client.post("/v1/test-clocks", {"id": CLOCK, "now": self._begin(0).isoformat()}, "clock")

    async def _define(self, path: str, body: BaseModel, pointer: str) -> None:
        try:
            reply = await self._client.post(path, body.model_dump(mode="json", exclude_unset=True), pointer)
        except Refused as refused:
            raise PlanInvalid(f"{pointer}: {refused}") from refused
        self._catalog = reply.position

    def _joining(self, month: int) -> Iterator[_Member]:
        for group in self._plan.population:
            before = 0 if month == 0 else group.at_start + (month - 1) * group.each_month
            for number in range(before, before + (group.each_month if month else group.at_start)):
                yield _Member(group, number, month, Random(f"{self._seed}/{group.name}/{number}"))

    def _acting(self, member: _Member, month: int) -> Iterator[Action]:
        """What a member does in a month; who is no subscriber any more does nothing."""
        if member.subscription in self._months.running:
            for action in member.group.actions:
                if action.month in (None, month - member.joined) and member.random.random() < action.share:
                    yield action

    async def _join(self, member: _Member) -> None:
        group, key = member.group, f"{member.group.name}/{member.number}"
        behaviours = group.payments
        (payment,) = member.random.choices(behaviours, [each.weight for each in behaviours])
        body: dict[str, Any] = {"storefront": group.storefront, "external_id": key, "test_clock": CLOCK}
        if payment.token is not None:
            body["payment_method"] = {"provider": SIMULATOR, "token": payment.token}
        try:
            customer = await self._batches.post("/v1/customers", body, f"customer/{key}", min_position=self._catalog)
            bought = {**group.subscription, "customer": customer.body["id"]}
            reply = await self._batches.post("/v1/subscriptions", bought, f"start/{key}", min_position=self._catalog)
        except Refused as refused:
            raise PlanInvalid(f"group {group.name!r} of the population: {refused}") from refused
        member.subscription = reply.body["id"]

    async def _act(self, member: _Member, action: Action, month: int) -> None:
        number = member.group.actions.index(action)
        key = f"{member.group.name}/{member.number}/{month}/{number}"
        path = f"/v1/subscriptions/{member.subscription}/{action.command}"
        try:
            await self._batches.post(path, action.body, key, min_position=self._catalog, if_match="*")
        except Refused as refused:
            self._refused[f"{action.command}: {refused.code}"] += 1
