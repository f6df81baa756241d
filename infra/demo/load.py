"""Load the demo: catalog, then step by step through the year: the clock moves on, some join, some leave, some pay by transfer.

What is done is known by idempotency keys, and how far it got by the test clock: a load that was stopped goes on where it stopped,
and one that is complete does nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.demo.catalog import BUNDLES, CLOCK, ENTITLEMENTS, PRICES, STOREFRONTS, TENANT
from infra.demo.numbers import Numbers, read_numbers
from infra.demo.people import CUSTOMERS, YEAR, Person, Year, example, people
from infra.ledger_client import LedgerClient
from infra.terminal import money

# A step of the clock answers when all that follows from it is done.
STEP_LIMIT_S = 180.0
PAGE = 100

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many) steps."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """``loaded``: something was left to load, and took ``seconds``. ``api_key`` may read and write,
    ``read_key`` only read; ``customer`` and ``subscription`` are ones to look at.
    """

    loaded: bool
    seconds: float
    numbers: Numbers
    api_key: str = field(repr=False)
    read_key: str = field(repr=False)
    customer: str
    subscription: str

    def rows(self) -> Iterator[tuple[str, str]]:
        """For a table: what, and how much of it."""
        numbers = self.numbers
        yield "customers", f"{numbers.customers:,}"
        for state, count in numbers.subscriptions.items():
            yield f"subscriptions, {state}", f"{count:,}"
        yield "invoices", f"{numbers.invoices:,}"
        for what, amounts in (("billed", numbers.billed), ("paid", numbers.paid)):
            for currency, amount in amounts.items():
                yield what, f"{money(amount, currency)} {currency}"
        yield "events", f"{numbers.events:,}"
        if self.loaded:
            yield "seconds", f"{self.seconds:.1f}"


async def load_demo(
    base_url: str, admin_key: str, dsn: str, progress: Progress, *, customers: int = CUSTOMERS, year: Year = YEAR
) -> DemoReport:
    """Load what is left to load, wait until the read models show it, and say what there is.

    ``dsn`` is the projector's. Raises LedgerUnreachable, and Refused where the tenant was used for something else.
    """
    begun = time.monotonic()
    async with LedgerClient(base_url, admin_key, tenant=TENANT, reason="set up the demo tenant") as admin:
        await admin.post("/v1/tenants", {"id": TENANT, "name": "Demo"}, "demo-tenant")
        api_key = await _issue(admin, "backend", ["read", "write"])
        read_key = await _issue(admin, "analyst", ["read"])
    async with LedgerClient(base_url, api_key, timeout_s=STEP_LIMIT_S) as client:
        everybody = people(customers)
        demo = _Demo(client, everybody, year, progress)
        loaded = await demo.load()
        customer, subscription = await _example(client, example(everybody), demo.position)
    numbers = await asyncio.to_thread(read_numbers, dsn, TENANT)
    return DemoReport(loaded, time.monotonic() - begun, numbers, api_key, read_key, customer, subscription)


async def _issue(admin: LedgerClient, name: str, permissions: list[str]) -> str:
    """The key's text: the same at every load, since the command is the same."""
    reply = await admin.post("/v1/api-keys", {"name": name, "permissions": permissions}, f"demo-key-{name}")
    return str(reply.body["key"])


async def _example(client: LedgerClient, person: Person, position: str) -> tuple[str, str]:
    """A person's customer and subscription, as the read models have them at a position at least."""
    asked = {"external_id": person.external_id, "storefront": person.storefront}
    customer = (await client.get("/v1/customers", asked, min_position=position)).body["data"][0]["id"]
    subscription = (await client.get("/v1/subscriptions", {"customer": customer})).body["data"][0]["id"]
    return customer, subscription


class _Demo:
    def __init__(self, client: LedgerClient, people: Sequence[Person], year: Year, progress: Progress) -> None:
        self.position = ""
        self._client = client
        self._people = people
        self._year = year
        self._progress = progress
        self._ids: dict[int, tuple[str, str]] = {}

    async def load(self) -> bool:
        """Whether anything was left to do."""
        await self._define_catalog()
        clock = await self._client.get(f"/v1/test-clocks/{CLOCK}")
        now = datetime.fromisoformat(clock.body["now"])
        if now >= self._year.end:
            return False
        steps = self._year.steps
        for number, instant in enumerate(steps):
            if instant >= now:
                self._progress(f"{instant:%B %Y}", number, len(steps))
                await self._step(number, instant)
        await self._advance(self._year.end)
        self._progress(f"{self._year.end:%B %Y}", len(steps), len(steps))
        return True

    async def _step(self, number: int, instant: datetime) -> None:
        """The clock moves on, then people do what they do at this step; done again, it does what was left undone."""
        await self._advance(instant)
        await self._pay_transfers([person for person in self._people if person.token is None and person.joins < number])
        await asyncio.gather(*(self._joined(person) for person in self._people if person.joins == number))
        await asyncio.gather(*(self._leave(person) for person in self._people if person.cancels == number))

    async def _define_catalog(self) -> None:
        await self._each("/v1/storefronts", STOREFRONTS)
        await self._each("/v1/entitlements", ENTITLEMENTS)
        await self._each("/v1/bundles", BUNDLES)
        await self._each("/v1/prices", PRICES)
        await self._each("/v1/test-clocks", [{"id": CLOCK, "name": "Demo", "now": self._year.steps[0].isoformat()}])

    async def _each(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> None:
        for body in bodies:
            await self._client.post(path, body, f"demo-{path}-{body['id']}")

    async def _advance(self, instant: datetime) -> None:
        """Everything due before the instant is done. Repeated where the clock stands, it completes what is left."""
        reply = await self._client.post(
            f"/v1/test-clocks/{CLOCK}/advance", {"now": instant.isoformat()}, f"demo-advance-{instant:%Y-%m-%d}"
        )
        self.position = reply.position

    async def _joined(self, person: Person) -> tuple[str, str]:
        """The person's customer and subscription: made now, or before."""
        if person.number not in self._ids:
            customer = await self._client.post("/v1/customers", person.registration(CLOCK), f"demo-customer-{person.number}")
            body = {"customer": customer.body["id"], "price": person.price}
            subscription = await self._client.post("/v1/subscriptions", body, f"demo-subscription-{person.number}")
            self._ids[person.number] = (customer.body["id"], subscription.body["id"])
        return self._ids[person.number]

    async def _leave(self, person: Person) -> None:
        _, subscription = await self._joined(person)
        path = f"/v1/subscriptions/{subscription}/cancel"
        await self._client.post(path, {"at": person.cancels_at}, f"demo-cancel-{person.number}")

    async def _pay_transfers(self, payers: Sequence[Person]) -> None:
        """Who has no payment method has paid what is owed by now, at the bank."""
        customers = {(await self._joined(person))[0] for person in payers}
        for invoice in await self._open_invoices():
            if invoice["customer"] in customers:
                body = {"kind": "recorded", "amount": invoice["open"], "reference": "transfer"}
                await self._client.post(f"/v1/invoices/{invoice['id']}/payments", body, f"demo-transfer-{invoice['id']}")

    async def _open_invoices(self) -> list[Mapping[str, Any]]:
        """All open invoices at the clock's step, or newer ones: a payment that they do not show yet is only replayed."""
        found: list[Mapping[str, Any]] = []
        asked = {"status": "open", "limit": str(PAGE)}
        while True:
            page = (await self._client.get("/v1/invoices", asked, min_position=self.position)).body
            found += page["data"]
            if not page["has_more"]:
                return found
            asked["cursor"] = page["next_cursor"]
