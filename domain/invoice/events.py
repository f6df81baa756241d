"""Events of an invoice."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.event import Event, FirstEvent
from domain.money import MAX_AMOUNT, Amount, Currency, SignedAmount
from domain.pricing.formula import Formula
from domain.pricing.models import Quantity

if TYPE_CHECKING:
    from domain.invoice.aggregate import Invoice

LineKind = Literal["recurring", "proration", "one_off", "usage", "discount", "tax", "credit"]
State = Literal["draft", "open", "paid", "uncollectible", "void"]


class Line(BaseModel):
    """One line: what, for which time ``[period_start, period_end)``, and how much in minor units of the invoice's currency,
    negative where it takes back. ``item`` and ``charge`` are what was sold by ``subscription``, at a version of a price, and
    ``discount`` what was taken off, and the amount follows from the ``formula``; all are empty where a client made the line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LineKind
    description: str
    subscription: str = ""
    item: str = ""
    charge: str = ""
    discount: str = ""
    bundle: str = ""
    price: str = ""
    price_version: int = 0
    quantity: Quantity = Decimal(1)
    period_start: AwareDatetime
    period_end: AwareDatetime
    amount: SignedAmount
    formula: Formula | None = None


class CreditedLine(BaseModel):
    """``amount`` of the invoice's ``line``, counted from 1, is given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line: Annotated[int, Field(ge=1, le=10**6, strict=True)]
    amount: Annotated[int, Field(gt=0, le=MAX_AMOUNT, strict=True)]


class InvoiceDrafted(FirstEvent):
    """Laid out, and not yet owed: it has no number, and ``finalizes_at`` is when it becomes an invoice by itself, if it does."""

    TOPIC: ClassVar[str] = "invoice.drafted.v1"
    tenant: str
    customer: str
    subscriptions: tuple[str, ...]
    storefront: str
    currency: Currency
    lines: tuple[Line, ...]
    total: SignedAmount
    drafted_at: AwareDatetime
    finalizes_at: AwareDatetime | None

    def apply(self, aggregate: Invoice) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.subscriptions = self.subscriptions
        aggregate.storefront = self.storefront
        aggregate.state = "draft"
        aggregate.ordinal = 0
        aggregate.number = None
        aggregate.currency = self.currency
        aggregate.lines = self.lines
        aggregate.total = self.total
        aggregate.credit_applied = 0
        aggregate.credited = 0
        aggregate.open = 0
        aggregate.drafted_at = self.drafted_at
        aggregate.finalizes_at = self.finalizes_at
        aggregate.issued_at = None
        aggregate.due_at = None
        _unsettled(aggregate)


class InvoiceLinesAdded(Event):
    """The draft got more lines: these are all, and come to ``total``."""

    TOPIC: ClassVar[str] = "invoice.lines_added.v1"
    lines: tuple[Line, ...]
    total: SignedAmount

    def apply(self, aggregate: Invoice) -> None:
        aggregate.lines = self.lines
        aggregate.total = self.total
        aggregate.noted = (0,) * len(aggregate.lines)


class InvoiceFinalized(Event):
    """The draft is owed from now on; all is as in ``invoice.issued``."""

    TOPIC: ClassVar[str] = "invoice.finalized.v1"
    ordinal: int
    number: str
    total: SignedAmount
    credit_applied: Amount
    credited: Amount
    open: Amount
    settled: bool
    issued_at: AwareDatetime
    due_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.state = "paid" if self.settled else "open"
        aggregate.ordinal = self.ordinal
        aggregate.number = self.number
        aggregate.credit_applied = self.credit_applied
        aggregate.credited = self.credited
        aggregate.open = self.open
        aggregate.issued_at = self.issued_at
        aggregate.due_at = self.due_at
        aggregate.paid_at = self.issued_at if self.settled else None


class InvoiceIssued(FirstEvent):
    """Owed from now on: ``total`` = Σ lines. ``ordinal`` counts the customer's invoices from 1 and makes the ``number``.

    ``open`` is what remains to be paid: the total less ``credit_applied``, which the account had; what is below 0 is
    ``credited`` to the account. An invoice with nothing open is settled at issue.
    """

    TOPIC: ClassVar[str] = "invoice.issued.v2"
    tenant: str
    customer: str
    subscriptions: tuple[str, ...]
    storefront: str
    ordinal: int
    number: str
    currency: Currency
    lines: tuple[Line, ...]
    total: SignedAmount
    credit_applied: Amount
    credited: Amount
    open: Amount
    settled: bool
    issued_at: AwareDatetime
    due_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.subscriptions = self.subscriptions
        aggregate.storefront = self.storefront
        aggregate.state = "paid" if self.settled else "open"
        aggregate.ordinal = self.ordinal
        aggregate.number = self.number
        aggregate.currency = self.currency
        aggregate.lines = self.lines
        aggregate.total = self.total
        aggregate.credit_applied = self.credit_applied
        aggregate.credited = self.credited
        aggregate.open = self.open
        aggregate.drafted_at = None
        aggregate.finalizes_at = None
        aggregate.issued_at = self.issued_at
        aggregate.due_at = self.due_at
        _unsettled(aggregate)
        aggregate.paid_at = self.issued_at if self.settled else None


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
        aggregate.state = "paid" if self.settled else "open"
        aggregate.paid_at = self.applied_at if self.settled else None
        aggregate.applied = (*aggregate.applied, (self.payment, self.amount, self.applied_at))


class InvoiceCreditNoted(Event):
    """A credit note, ``number``: so much of each of the ``lines`` is given up, ``amount`` in all. ``to_account`` of it went to
    the account, since so much was paid already; ``open`` is what remains to be paid.
    """

    TOPIC: ClassVar[str] = "invoice.credit_noted.v1"
    number: str
    lines: tuple[CreditedLine, ...]
    amount: Amount
    to_account: Amount
    open: Amount
    settled: bool
    reason: str
    noted_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        noted = list(aggregate.noted)
        for each in self.lines:
            noted[each.line - 1] += each.amount
        aggregate.noted = tuple(noted)
        aggregate.to_account += self.to_account
        aggregate.open = self.open
        aggregate.state = "paid" if self.settled else "open"
        if self.settled:
            aggregate.paid_at = aggregate.paid_at or self.noted_at
        aggregate.credit_notes = (*aggregate.credit_notes, self)


class InvoiceVoided(Event):
    """It was wrong, and is not owed; ``credit_returned`` went back to the account."""

    TOPIC: ClassVar[str] = "invoice.voided.v1"
    credit_returned: Amount
    reason: str
    voided_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.state = "void"
        aggregate.open = 0


class InvoiceWrittenOff(Event):
    """``amount``, which was open, will never be paid."""

    TOPIC: ClassVar[str] = "invoice.written_off.v1"
    amount: Amount
    reason: str
    written_off_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.state = "uncollectible"
        aggregate.written_off = self.amount
        aggregate.open = 0


class InvoiceRecovered(Event):
    """``amount`` of a payment came after all for what was written off, of which ``written_off`` remains. At 0 the invoice is
    paid.
    """

    TOPIC: ClassVar[str] = "invoice.recovered.v1"
    payment: str
    amount: Amount
    written_off: Amount
    settled: bool
    recovered_at: AwareDatetime

    def apply(self, aggregate: Invoice) -> None:
        aggregate.written_off = self.written_off
        aggregate.applied = (*aggregate.applied, (self.payment, self.amount, self.recovered_at))
        if self.settled:
            aggregate.state = "paid"
            aggregate.paid_at = self.recovered_at


def _unsettled(aggregate: Invoice) -> None:
    aggregate.paid_at = None
    aggregate.applied = ()
    aggregate.noted = (0,) * len(aggregate.lines)
    aggregate.to_account = 0
    aggregate.credit_notes = ()
    aggregate.written_off = 0
