"""A world with something to sell, and the commands of its clients in short."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from commands.catalog.create_storefront import CreateStorefront, create_storefront
from commands.catalog.create_tenant import CreateTenant, create_tenant
from commands.catalog.define_bundle import DefineBundle, GrantRequest, define_bundle
from commands.catalog.define_entitlement import DefineEntitlement, define_entitlement
from commands.catalog.publish_price import PublishPrice, publish_price
from commands.catalog.test_clocks import AdvanceClock, CreateClock, advance_clock, create_clock
from commands.customer.register import RegisterCustomer, register
from commands.customer.set_payment_method import SetPaymentMethod, set_payment_method
from commands.invoice.pay import ChargeInvoice, RecordPayment, pay
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from domain.catalog.aggregates import Clock
from domain.customer.events import PaymentMethod
from domain.money import Money
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from tests.unit.commands.world import TENANT, Provider, World, at, captures, customer_of

DAY = 86_400
CARD = PaymentMethod(provider="simulator", token="sim_ok")
AMOUNT = 1000


class Shop(World):
    """Tenant, storefront (two retries, after one day and three more), an entitlement, a bundle; customer ``ada`` with a card."""

    def __init__(self, now: str = "2026-01-01", provider: Provider = captures, retry_after_s: tuple[int, ...] = (DAY, 3 * DAY)):
        super().__init__(at(now), provider)
        self.client(lambda unit: create_tenant(unit, CreateTenant(id=TENANT, name="Acme")))
        self.client(lambda unit: create_storefront(unit, CreateStorefront(id="web", name="Web", retry_after_s=retry_after_s)))
        self.client(lambda unit: define_entitlement(unit, DefineEntitlement(id="hd", kind="flag", name="HD")))
        grants = (GrantRequest(entitlement="hd", value=True),)
        self.client(lambda unit: define_bundle(unit, DefineBundle(id="gold", storefront="web", name="Gold", grants=grants)))

    def price(
        self, id: str = "gold-monthly", amount: int | None = AMOUNT, unit: str = "month", currency: str = "EUR", **terms: Any
    ) -> str:
        """Sell gold at this price: an amount, or ``charges``."""
        money = {"currency": currency} if amount is None else {"amount": {"amount": amount, "currency": currency}}
        body = PublishPrice.model_validate({"id": id, "bundle": "gold", "interval": {"unit": unit}, **money, **terms})
        self.client(lambda unit: publish_price(unit, body))
        return id

    def register(self, name: str = "ada", method: PaymentMethod | None = CARD, **body: Any) -> str:
        """A customer; gives the id."""
        request = RegisterCustomer(storefront="web", external_id=name, payment_method=method, **body)
        return self.client(lambda unit: register(unit, request), customer_of("web", name)).id

    def sell(self, customer: str, price: str = "gold-monthly", *, key: str = "", **body: Any) -> Subscription:
        """Start a subscription."""
        may = body.pop("may_backdate", False)
        request = StartSubscription(customer=customer, price=price, **body)
        found = self.client(lambda unit: start(unit, request), customer, key, may_backdate=may)
        return self.get(Subscription, found.id)

    def cancel(self, at: str) -> Subscription:
        """Cancel the only subscription: ``now`` or ``period_end``."""
        subscription = self.subscription()
        request = CancelSubscription.model_validate({"at": at})
        self.client(lambda unit: cancel(unit, subscription.id, request), subscription.customer)
        return self.subscription()

    def charge(self, invoice: str) -> Payment:
        """Ask for a new charge."""
        return self._pay(invoice, ChargeInvoice(kind="charge"))

    def record(self, invoice: str, amount: int, paid_at: datetime | None = None, *, may_backdate: bool = False) -> Payment:
        """Note what was paid elsewhere."""
        body = RecordPayment(kind="recorded", amount=Money(amount=amount, currency="EUR"), paid_at=paid_at)
        return self._pay(invoice, body, may_backdate=may_backdate)

    def _pay(self, invoice: str, body: ChargeInvoice | RecordPayment, *, may_backdate: bool = False) -> Payment:
        customer = next(found.customer for found in self.invoices() if found.id == invoice)
        payment = self.client(lambda unit: pay(unit, invoice, body), customer, may_backdate=may_backdate)
        return self.get(Payment, payment.id)

    def use_card(self, customer: str, token: str | None) -> None:
        """Set the payment method, or remove it."""
        method = PaymentMethod(provider="simulator", token=token) if token else None
        self.client(lambda unit: set_payment_method(unit, SetPaymentMethod(payment_method=method)), customer)

    def clock(self, now: str, id: str = "clock") -> str:
        """A test clock."""
        self.client(lambda unit: create_clock(unit, CreateClock(id=id, now=at(now))))
        return id

    def move_clock(self, now: str, id: str = "clock", *, do: bool = True) -> list[str]:
        """Advance the clock, and do what follows."""
        before = len(self.said)
        moved = self.client(lambda unit: advance_clock(unit, id, AdvanceClock(now=at(now))))
        assert isinstance(moved, Clock)
        if do:
            self.advance(moved)
        return self.topics(before)
