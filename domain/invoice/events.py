"""Events of an invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.event import Event, FirstEvent
from domain.money import Amount, Currency

if TYPE_CHECKING:
    from domain.invoice.aggregate import Invoice


class Line(BaseModel):
    """One line: what, for which period ``[period_start, period_end)``, and how much in minor units of the invoice's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["recurring"]
    description: str
    bundle: str
    price: str
    price_version: int
    period_start: AwareDatetime
    period_end: AwareDatetime
    amount: Amount


class InvoiceIssued(FirstEvent):
    """Owed from now on: ``total`` = Σ lines. ``ordinal`` counts the customer's invoices from 1 and makes the ``number``.

    ``open`` is what remains to be paid: the total, or 0 where the total is 0 (such an invoice is settled at issue).
    """

    TOPIC: ClassVar[str] = "invoice.issued.v1"
    tenant: str
    customer: str
    subscription: str
    storefront: str
    ordinal: int
    number: str
    currency: Currency
    lines: tuple[Line, ...]
    total: Amount
    open: Amount
    settled: bool
    issued_at: AwareDatetime
    due_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.subscription = self.subscription
        aggregate.storefront = self.storefront
        aggregate.ordinal = self.ordinal
        aggregate.number = self.number
        aggregate.currency = self.currency
        aggregate.lines = self.lines
        aggregate.total = self.total
        aggregate.open = self.open
        aggregate.issued_at = self.issued_at
        aggregate.due_at = self.due_at
        aggregate.applied = ()


class InvoicePaymentApplied(Event):
    """``amount`` of a payment went to this invoice; ``open`` is what remains. At 0 the invoice is paid."""

    TOPIC: ClassVar[str] = "invoice.payment_applied.v1"
    payment: str
    amount: Amount
    open: Amount
    settled: bool
    applied_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.open = self.open
        aggregate.applied = (*aggregate.applied, (self.payment, self.amount, self.applied_at))
