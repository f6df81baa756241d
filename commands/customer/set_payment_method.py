"""Set what a customer is charged with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.customer.register import check_method
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod


class SetPaymentMethod(BaseModel):
    """null: the customer has no method any more."""

    model_config = ConfigDict(extra="forbid")

    payment_method: PaymentMethod | None = Field(examples=[{"provider": "simulator", "token": "sim_ok"}])


def set_payment_method(unit: Unit, request: SetPaymentMethod) -> Customer:
    """The customer with the method that the next attempt will charge."""
    customer = unit.get(Customer, unit.customer_id)
    provider = unit.catalog.storefront(unit.tenant, customer.storefront).payment_provider
    customer.set_payment_method(check_method(request.payment_method, provider), unit.now)
    return customer
