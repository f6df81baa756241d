"""Pay an open invoice: by a new charge, or with money that was paid elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from commands.collecting import record_payment, request_charge
from commands.instant import Instant
from commands.unit import Unit
from domain.errors import RuleViolated, WrongState
from domain.invoice.aggregate import Invoice
from domain.money import Money
from domain.payment.aggregate import Payment


class ChargeInvoice(BaseModel):
    """Charge the customer's payment method for what is open, once."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["charge"]


class RecordPayment(BaseModel):
    """Money paid elsewhere, whatever became of the invoice: what is not open, and was not written off, goes to the account's
    balance. ``paid_at`` in the past needs the permission to backdate.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["recorded"]
    amount: Money = Field(examples=[{"amount": 999, "currency": "EUR"}])
    paid_at: Instant | None = None
    reference: str | None = Field(
        default=None, max_length=200, description="The bank's or payer's; no personal data.", examples=["RF18 5390 0754 7034"]
    )


PayInvoice = Annotated[ChargeInvoice | RecordPayment, Field(discriminator="kind")]


def pay(unit: Unit, id: str, request: ChargeInvoice | RecordPayment) -> Payment:
    """The new payment; raises WrongState where nothing is to be charged, or where a charge's outcome is still awaited."""
    invoice = unit.get(Invoice, id)
    invoice.check("charge" if isinstance(request, ChargeInvoice) else "record_payment")
    if isinstance(request, ChargeInvoice):
        if any(payment.in_progress for payment in unit.open_payments(id)):
            raise WrongState(
                "payment_in_progress", "The outcome of a charge of this invoice is still awaited.", invoice.allowed_meanwhile
            )
        return request_charge(unit, invoice, "manual", ())
    if request.amount.currency != invoice.currency:
        raise RuleViolated("other_currency", f"The invoice is in {invoice.currency}.", "/amount/currency")
    if request.amount.amount == 0:
        raise RuleViolated("nothing_paid", "Give an amount above 0.", "/amount/amount")
    paid_at = request.paid_at or unit.now
    if paid_at > unit.now:
        raise RuleViolated("date_in_future", "A payment is recorded once it was made.", "/paid_at")
    if paid_at < unit.now and not unit.may_backdate:
        raise RuleViolated("backdating_not_permitted", "This key may not give dates in the past.", "/paid_at")
    return record_payment(unit, invoice, request.amount, paid_at, request.reference)
