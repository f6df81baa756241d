"""A shop that is driven over HTTP alone, with a moving clock: what it sells, who buys, and what stands on the invoices."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import ndiff
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from domain.money import exponent

Body = dict[str, Any]


# What is due at a test clock's very instant waits for its next advance.
JUST_PAST = timedelta(microseconds=1)


def instant(text: str, zone: str = "UTC") -> datetime:
    """A local date, or date and time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@dataclass
class Shop:
    """One tenant's view of a running ledger. Each scenario opens a storefront of its own."""

    client: httpx.Client
    storefront: str = ""
    position: str = ""
    _prices: int = 0

    def post(self, path: str, body: Body) -> httpx.Response:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        if path.count("/") > 2:  # on what is there
            headers["If-Match"] = "*"
        answer = self.client.post(path, json=body, headers=headers)
        self.position = answer.headers.get("ledger-position", self.position)
        return answer

    def done(self, path: str, body: Body) -> Body:
        """The body of a command that must succeed."""
        answer = self.post(path, body)
        assert answer.status_code in (200, 201), answer.text
        found: Body = answer.json()
        return found

    def get(self, path: str, **parameters: str) -> Body:
        """What a query answers once it shows all that was done."""
        headers = {"Ledger-Min-Position": self.position, "Prefer": "wait=10"}
        answer = self.client.get(path, params=parameters, headers=headers)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    def opens(self, **policy: Any) -> Shop:
        """Sell in a new storefront, with policies of its own."""
        self.storefront = f"s{uuid.uuid4().hex[:12]}"
        self.done("/v1/storefronts", {"id": self.storefront, "name": "Web", **policy})
        self.done("/v1/bundles", {"id": self.storefront, "storefront": self.storefront, "name": "Gold", "grants": []})
        return self

    def price(
        self, amount: str | None, unit: str, count: int = 1, *, trial_days: int = 0, currency: str = "USD", **more: Any
    ) -> str:
        """Publish a price in units of the currency; None: made of ``charges``, which are among the rest. Gives its id."""
        self._prices += 1
        id = f"{self.storefront}-{self._prices}"
        terms: Body = {"interval": {"unit": unit, "count": count}, "trial_days": trial_days, **more}
        if amount is None:
            terms["currency"] = currency
        else:
            terms["amount"] = {"amount": minor(amount, currency), "currency": currency}
        self.done("/v1/prices", {"id": id, "bundle": self.storefront, **terms})
        return id

    def coupon(self, **more: Any) -> str:
        """Create one; gives its id."""
        return str(self.done("/v1/coupons", {"id": f"c{uuid.uuid4().hex[:12]}", "name": "Sale", **more})["id"])

    def account(self, at: str, zone: str = "UTC", token: str | None = "sim_ok", **billing: Any) -> Account:
        """Register a customer for whom it is ``at``, a local time; ``billing`` is the day, and whether all is billed together."""
        clock = self.done("/v1/test-clocks", {"now": instant(at, zone).isoformat()})["id"]
        method = None if token is None else {"provider": "simulator", "token": token}
        body = {"storefront": self.storefront, "timezone": zone, "test_clock": clock, "payment_method": method}
        made = self.done("/v1/customers", body)
        if billing:
            self.done(f"/v1/customers/{made['id']}/billing", billing)
        return Account(self, str(made["id"]), clock, zone)


@dataclass
class Account:
    """A customer with a clock of their own."""

    shop: Shop
    id: str
    clock: str
    zone: str
    _seen: set[str] = field(default_factory=set)

    def on(self, at: str) -> None:
        """Advance the clock past a local time: what is due by then is done."""
        now = instant(at, self.zone) + JUST_PAST
        self.shop.done(f"/v1/test-clocks/{self.clock}/advance", {"now": now.isoformat()})

    def buys(self, price: str, **more: Any) -> Sold:
        return Sold(self, str(self.shop.done("/v1/subscriptions", {"customer": self.id, "price": price, **more})["id"]))

    def invoices(self) -> list[Body]:
        """All, in the order of their numbers."""
        found = self.shop.get("/v1/invoices", customer=self.id, limit="100")["data"]
        return sorted(found, key=lambda invoice: (invoice["number"] is None, invoice["number"] or ""))

    def is_billed(self, expected: str = "") -> list[Body]:
        """The invoices that are new since the last look have exactly these lines; a blank line is between invoices.

        A line is its kind, period and amount; beside the lines stands what the account's credit gave, or got.
        """
        new = [invoice for invoice in self.invoices() if invoice["id"] not in self._seen]
        self._seen |= {invoice["id"] for invoice in new}
        found, wanted = _text(self._shown(invoice) for invoice in new), _text(_invoices(expected))
        assert found == wanted, "\n".join(("", *ndiff(wanted.splitlines(), found.splitlines())))
        return new

    def pays(self) -> None:
        """Pay all that is open by other means than the payment method."""
        for invoice in self.invoices():
            if invoice["status"] == "open":
                self.shop.done(f"/v1/invoices/{invoice['id']}/payments", {"kind": "recorded", "amount": invoice["open"]})

    def credit(self) -> Decimal:
        """What the account has, in units of its one currency."""
        found = self.shop.get(f"/v1/customers/{self.id}/balance")["credit"]
        return sum((units(each) for each in found), Decimal(0))

    def _shown(self, invoice: Body) -> Iterator[str]:
        for line in invoice["lines"]:
            period = line["period"]
            yield f"{line['kind']} {self.local(period['start'])} {self.local(period['end'])} {units(line['amount'])}"
        if invoice["credit_applied"]["amount"]:
            yield f"from account {units(invoice['credit_applied'])}"
        if invoice["credited"]["amount"]:
            yield f"to account {units(invoice['credited'])}"

    def local(self, at: str | None) -> str:
        """An instant as the customer's date, and time of day where it is not midnight."""
        if at is None:
            return ""
        local = datetime.fromisoformat(at).astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        return local.isoformat(timespec="minutes").removesuffix("T00:00")


@dataclass
class Sold:
    """A subscription."""

    account: Account
    id: str

    def does(self, verb: str, **body: Any) -> Body:
        return self.account.shop.done(f"/v1/subscriptions/{self.id}/{verb}", self._at(body))

    def refused(self, verb: str, **body: Any) -> Body:
        """The problem that a command meets."""
        return refused(self.account.shop.post(f"/v1/subscriptions/{self.id}/{verb}", self._at(body)))

    def shown(self) -> Body:
        return self.account.shop.get(f"/v1/subscriptions/{self.id}")

    def _at(self, body: Body) -> Body:
        times = ("at", "trial_ends_at", "resumes_at")
        return {
            key: instant(value, self.account.zone).isoformat() if key in times and value[:1].isdigit() else value
            for key, value in body.items()
        }


def refused(answer: httpx.Response) -> Body:
    """The problem that was answered."""
    assert answer.status_code in (409, 422), answer.text
    problem: Body = answer.json()
    return problem


def units(money: Body) -> Decimal:
    """An amount in units of its currency."""
    return Decimal(money["amount"]).scaleb(-exponent(money["currency"]))


def minor(amount: str, currency: str) -> int:
    return int(Decimal(amount).scaleb(exponent(currency)))


def _invoices(text: str) -> Iterator[Iterable[str]]:
    """The lines of each, as they are expected."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return (part.splitlines() for part in "\n".join(lines).split("\n\n") if part)


def _text(invoices: Iterable[Iterable[str]]) -> str:
    """One line under the other, however many blanks are between its words, and in one order."""
    return "\n\n".join("\n".join(sorted(" ".join(_words(line)) for line in invoice)) for invoice in invoices)


def _words(line: str) -> Iterator[str]:
    *words, amount = line.split()
    yield from words
    yield f"{Decimal(amount):.3f}"
