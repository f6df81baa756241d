"""Set what a customer is charged with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.collecting import request_charge
from commands.customer.register import check_method
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod
from domain.invoice.aggregate import Invoice


class SetPaymentMethod(BaseModel):
    """null: the customer has no method any more."""

    model_config = ConfigDict(extra="forbid")

    payment_method: PaymentMethod | None = Field(examples=[{"provider": "simulator", "token": "sim_ok"}])


def set_payment_method(unit: Unit, request: SetPaymentMethod) -> Customer:
    """The customer with the method that the next attempt will charge."""
    customer = unit.get(Customer, unit.customer_id)
    provider = unit.catalog.storefront(unit.tenant, customer.storefront).payment_provider
    customer.set_payment_method(check_method(request.payment_method, provider), unit.now)
    if request.payment_method is not None:
        for invoice in unit.all_open_invoices():
            _retry(unit, invoice)
    return customer


def _retry(unit: Unit, invoice: Invoice) -> None:
    """At once, where a charge has failed before; what is scheduled stays so, and is abandoned if this one comes to money."""
    payments = unit.open_payments(invoice.id)
    first_to_come = any(payment.attempts == 0 for payment in payments)
    if not first_to_come and not any(payment.in_progress for payment in payments):
        request_charge(unit, invoice, "manual", ())
