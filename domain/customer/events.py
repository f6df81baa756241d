"""Events of a customer. Personal data stands only in ``personal``, sealed under the customer's own data key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.event import Event, FirstEvent
from domain.money import Money
from domain.pricing.calendar import BillingDay

if TYPE_CHECKING:
    from domain.customer.aggregate import Customer


class PaymentMethod(BaseModel):
    """How to charge: a provider and the provider's own token for the instrument (never card data)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    token: str


class CustomerRegistered(FirstEvent):
    """A customer exists. ``clock`` is the id of the test clock that the customer lives on, if any."""

    TOPIC: ClassVar[str] = "customer.registered.v1"
    tenant: str
    storefront: str
    external_id: str | None
    timezone: str
    clock: str | None
    personal: str | None
    payment_method: PaymentMethod | None

    def apply(self, aggregate: Customer) -> None:
        aggregate.tenant = self.tenant
        aggregate.storefront = self.storefront
        aggregate.external_id = self.external_id
        aggregate.timezone = self.timezone
        aggregate.clock = self.clock
        aggregate.personal = self.personal
        aggregate.has_data_key = self.personal is not None
        aggregate.payment_method = self.payment_method
        aggregate.credits = ()
        aggregate.billing_day = None
        aggregate.together = False


class CustomerChanged(Event):
    """Personal data or time zone replaced by what stands here. Running subscriptions keep the zone they were sold in."""

    TOPIC: ClassVar[str] = "customer.changed.v1"
    timezone: str
    personal: str | None

    def apply(self, aggregate: Customer) -> None:
        aggregate.timezone = self.timezone
        aggregate.personal = self.personal
        aggregate.has_data_key |= self.personal is not None


class CustomerBillingSet(Event):
    """How what is sold to the customer from now on is billed: on ``billing_day`` where one is given, and ``together`` on one
    invoice, at local midnight, or each subscription on its own.
    """

    TOPIC: ClassVar[str] = "customer.billing_set.v1"
    billing_day: BillingDay | None
    together: bool

    def apply(self, aggregate: Customer) -> None:
        aggregate.billing_day = self.billing_day
        aggregate.together = self.together


class CustomerPaymentMethodSet(Event):
    """From now on charges go to this method; ``None``: the customer has none any more."""

    TOPIC: ClassVar[str] = "customer.payment_method_set.v1"
    payment_method: PaymentMethod | None

    def apply(self, aggregate: Customer) -> None:
        aggregate.payment_method = self.payment_method


class CustomerCredited(Event):
    """The account has ``amount`` more, which ``source`` (an invoice or a payment) gave. Later invoices use the oldest first."""

    TOPIC: ClassVar[str] = "customer.credited.v1"
    source: str
    amount: Money
    credited_at: AwareDatetime

    def apply(self, aggregate: Customer) -> None:
        aggregate.credits = (*aggregate.credits, (self.source, self.amount))


class CustomerCreditApplied(Event):
    """``amount`` of what the account had went to ``invoice``."""

    TOPIC: ClassVar[str] = "customer.credit_applied.v1"
    invoice: str
    amount: Money
    applied_at: AwareDatetime

    def apply(self, aggregate: Customer) -> None:
        _use_credit(aggregate, self.amount)


class CustomerCreditRefunded(Event):
    """``amount`` of what the account had was paid back, as a refund of ``payment``."""

    TOPIC: ClassVar[str] = "customer.credit_refunded.v1"
    payment: str
    amount: Money
    refunded_at: AwareDatetime

    def apply(self, aggregate: Customer) -> None:
        _use_credit(aggregate, self.amount)


def _use_credit(aggregate: Customer, amount: Money) -> None:
    """The oldest first."""
    left, kept = amount.amount, list[tuple[str, Money]]()
    for source, credit in aggregate.credits:
        taken = min(left, credit.amount) if credit.currency == amount.currency else 0
        left -= taken
        if remains := credit.amount - taken:
            kept.append((source, Money(amount=remains, currency=credit.currency)))
    assert not left, "no more credit is used than there is"
    aggregate.credits = tuple(kept)
