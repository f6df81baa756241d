"""Pay money back: what the account has, and what credit notes of the payment's invoice give it in the same append."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.invoice.correct import REASON, give_up
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.invoice.aggregate import Invoice
from domain.invoice.events import CreditedLine
from domain.money import Money
from domain.payment.aggregate import Payment


class RefundPayment(BaseModel):
    """``amount`` was paid back by whoever pays: no provider is called. ``lines`` of the payment's invoice are given up for it by
    a credit note; without them the account's credit is paid out.
    """

    model_config = ConfigDict(extra="forbid")

    amount: Money = Field(examples=[{"amount": 500, "currency": "EUR"}])
    lines: tuple[CreditedLine, ...] = Field(default=(), max_length=100)
    reason: str = REASON
    reference: str | None = Field(
        default=None, max_length=200, description="The bank's or payer's; no personal data.", examples=["RF18 5390 0754 7034"]
    )


def refund(unit: Unit, id: str, request: RefundPayment) -> Payment:
    """The payment; raises RuleViolated for more than is left of it, or than the account has then."""
    payment = unit.get(Payment, id)
    payment.refund(request.amount, request.reason, request.reference, unit.now)
    if request.lines:
        give_up(unit, unit.get(Invoice, payment.invoice), request.lines, request.reason)
    unit.get(Customer, payment.customer).refund_credit(id, request.amount, unit.now)
    return payment
