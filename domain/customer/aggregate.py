"""The customer: opaque personal data, a time zone, a way to charge."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from domain.customer import events
from domain.customer.events import PaymentMethod
from domain.errors import RuleViolated
from domain.event import Aggregate
from domain.money import Money


class Customer(Aggregate):
    """``personal`` is sealed text or None; ``has_data_key``: it was sealed at some time, so that there is a key; ``clock`` the id
    of the test clock the customer lives on, or None. ``credits``: what is left of what the account was given, with its source,
    oldest first.
    """

    TOPIC = "customer"
    if TYPE_CHECKING:
        tenant: str
        storefront: str
        external_id: str | None
        timezone: str
        clock: str | None
        personal: str | None
        has_data_key: bool
        payment_method: PaymentMethod | None
        credits: tuple[tuple[str, Money], ...]
        billing_day: int | None
        together: bool

    @classmethod
    def register(
        cls,
        id: str,
        *,
        tenant: str,
        storefront: str,
        external_id: str | None,
        timezone: str,
        clock: str | None,
        personal: str | None,
        payment_method: PaymentMethod | None,
        now: datetime,
    ) -> Self:
        """Make the customer known."""
        return cls._create(
            events.CustomerRegistered,
            id=id,
            timestamp=now,
            tenant=tenant,
            storefront=storefront,
            external_id=external_id,
            timezone=timezone,
            clock=clock,
            personal=personal,
            payment_method=payment_method,
        )

    def change(self, *, timezone: str, personal: str | None, now: datetime) -> None:
        """Replace time zone and personal data."""
        self.trigger_event(events.CustomerChanged, timestamp=now, timezone=timezone, personal=personal)

    def set_payment_method(self, method: PaymentMethod | None, now: datetime) -> None:
        """Charge this from now on; None: nothing can be charged."""
        self.trigger_event(events.CustomerPaymentMethodSet, timestamp=now, payment_method=method)

    def set_billing(self, *, billing_day: int | None, together: bool, now: datetime) -> None:
        """Bill so what is sold from now on."""
        self.trigger_event(events.CustomerBillingSet, timestamp=now, billing_day=billing_day, together=together)

    def credit(self, currency: str) -> int:
        """What the account has, in minor units."""
        return sum(amount.amount for _, amount in self.credits if amount.currency == currency)

    def give_credit(self, source: str, amount: Money, now: datetime) -> None:
        """Keep it for later invoices."""
        assert amount.amount > 0
        self.trigger_event(events.CustomerCredited, timestamp=now, source=source, amount=amount, credited_at=now)

    def apply_credit(self, invoice: str, amount: Money, now: datetime) -> None:
        """Use it, the oldest first."""
        assert 0 < amount.amount <= self.credit(amount.currency)
        self.trigger_event(events.CustomerCreditApplied, timestamp=now, invoice=invoice, amount=amount, applied_at=now)

    def refund_credit(self, payment: str, amount: Money, now: datetime) -> None:
        """Pay it back, the oldest first; raises RuleViolated where there is not so much."""
        if amount.amount > (has := self.credit(amount.currency)):
            raise RuleViolated(
                "more_than_credit", f"The account has {has}; give up lines of the invoice, or pay back less.", "/amount/amount"
            )
        self.trigger_event(events.CustomerCreditRefunded, timestamp=now, payment=payment, amount=amount, refunded_at=now)
