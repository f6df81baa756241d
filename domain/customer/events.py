"""Events of a customer. Personal data stands only in ``personal``, sealed under the customer's own data key."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from domain.event import Event, FirstEvent

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


class CustomerChanged(Event):
    """Personal data or time zone replaced by what stands here. Running subscriptions keep the zone they were sold in."""

    TOPIC: ClassVar[str] = "customer.changed.v1"
    timezone: str
    personal: str | None

    def apply(self, aggregate: Customer) -> None:
        aggregate.timezone = self.timezone
        aggregate.personal = self.personal
        aggregate.has_data_key |= self.personal is not None


class CustomerPaymentMethodSet(Event):
    """From now on charges go to this method; ``None``: the customer has none any more."""

    TOPIC: ClassVar[str] = "customer.payment_method_set.v1"
    payment_method: PaymentMethod | None

    def apply(self, aggregate: Customer) -> None:
        aggregate.payment_method = self.payment_method
