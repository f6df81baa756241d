"""A shop with a customer at its counter: the commands on the only subscription in short, and what its invoices say."""

from __future__ import annotations

from typing import Any

from commands.catalog.change_storefront import ChangeStorefront, change_storefront
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.change import ChangeSubscription, change
from domain.customer.aggregate import Customer
from domain.subscription.aggregate import Subscription
from tests.unit.commands.shop import Shop


class Counter(Shop):
    """A shop with a price of 31.00 and one of 62.00 a month, one of 365.00 a year, and what is sold beside them for 3.10.

    ``billing`` is the storefront's policy.
    """

    def __init__(self, now: str = "2026-01-01", **billing: Any) -> None:
        super().__init__(now)
        self.policy(billing=billing)
        self.price("basic", 3100)
        self.price("plus", 6200)
        self.price("yearly", 36500, unit="year")
        self.price("storage", 310)
        self.ada = self.register()

    def policy(self, **body: Any) -> None:
        """Change the storefront."""
        request = ChangeStorefront.model_validate(body)
        self.client(lambda unit: change_storefront(unit, "web", request))

    def priced(self, id: str, charges: list[dict[str, Any]], **terms: Any) -> None:
        """Sell gold for these charges, in euros a month."""
        body = {"id": id, "bundle": "gold", "currency": "EUR", "charges": charges, "interval": {"unit": "month"}, **terms}
        request = PublishPrice.model_validate(body)
        self.client(lambda unit: publish_price(unit, request))

    def change(self, *, may_backdate: bool = False, **body: Any) -> Subscription:
        subscription = self.subscription()
        request = ChangeSubscription.model_validate(body)
        self.client(lambda unit: change(unit, subscription.id, request), self.ada, may_backdate=may_backdate)
        return self.subscription()

    def end(self, *, may_backdate: bool = False, **body: Any) -> Subscription:
        subscription = self.subscription()
        request = CancelSubscription.model_validate(body)
        self.client(lambda unit: cancel(unit, subscription.id, request), self.ada, may_backdate=may_backdate)
        return self.subscription()

    def lines(self, number: int = -1) -> list[tuple[str, str, str, int]]:
        """The kinds, stretches and amounts of an invoice, the newest by default."""
        invoice = self.invoices()[number]
        return [(line.kind, f"{line.period_start:%m-%d}", f"{line.period_end:%m-%d}", line.amount) for line in invoice.lines]

    def credit(self) -> int:
        return self.get(Customer, self.ada).credit("EUR")

    def billed(self) -> int:
        return sum(invoice.total for invoice in self.invoices())
