"""The customer: opaque personal data, a time zone, a way to charge."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from domain.customer import events
from domain.customer.events import PaymentMethod
from domain.event import Aggregate


class Customer(Aggregate):
    """``personal`` is sealed text or None; ``has_data_key``: it was sealed at some time, so that there is a key; ``clock`` the id
    of the test clock the customer lives on, or None.
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
