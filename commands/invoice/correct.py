"""Correct an invoice without editing it: give up parts of it, all of it because it was wrong, or what will not be paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill, owed_by
from commands.collecting import after_settled
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated, WrongState
from domain.invoice.aggregate import Invoice
from domain.invoice.events import CreditedLine
from domain.money import Money
from domain.pricing.expected import Key
from domain.subscription.aggregate import Subscription

REASON = Field(min_length=1, max_length=200, description="No personal data.", examples=["Outage of 3 May"])


class IssueCreditNote(BaseModel):
    """So much of each line is given up: of what is open first, what was paid already goes to the account."""

    model_config = ConfigDict(extra="forbid")

    lines: tuple[CreditedLine, ...] = Field(min_length=1, max_length=100)
    reason: str = REASON


class VoidInvoice(BaseModel):
    """``rebill``: bill at once, anew, what its subscriptions owe by now; else what it was for is never billed. It is needed where
    changes gave back some of it, or it gave back something.
    """

    model_config = ConfigDict(extra="forbid")

    reason: str = REASON
    rebill: bool = False


class WriteOffInvoice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = REASON


def credit_note(unit: Unit, id: str, request: IssueCreditNote) -> Invoice:
    """The invoice, less what was given up; raises RuleViolated for more than was billed."""
    invoice = unit.get(Invoice, id)
    give_up(unit, invoice, request.lines, request.reason)
    return invoice


def give_up(unit: Unit, invoice: Invoice, lines: Sequence[CreditedLine], reason: str) -> None:
    """Issue the credit note, and all that follows."""
    to_account = invoice.credit_note(lines, reason, unit.now)
    if to_account:
        amount = Money(amount=to_account, currency=invoice.currency)
        unit.get(Customer, invoice.customer).give_credit(invoice.id, amount, unit.now)
    for number, credited in enumerate(lines):
        _waive(unit, invoice, credited, f"/lines/{number}/amount")
    after_settled(unit, invoice, "invoice_closed")


def _waive(unit: Unit, invoice: Invoice, credited: CreditedLine, pointer: str) -> None:
    """What changes gave back already is not given up as well; and a subscription must not give back once more what is."""
    line = invoice.lines[credited.line - 1]
    if line.subscription:
        subscription = unit.get(Subscription, line.subscription)
        posting = next(
            each
            for each in subscription.posted_on(invoice.id)
            if (each.key.item, each.key.charge, each.key.discount) == (line.item, line.charge, line.discount)
            and (each.start, each.amount) == (line.period_start, line.amount)
        )
        if credited.amount > (left := subscription.left_of(posting)):
            raise RuleViolated("more_than_billed", f"Line {credited.line} has {left} left: the rest was given back.", pointer)
        subscription.waive(posting, credited.amount, unit.now)


def void(unit: Unit, id: str, request: VoidInvoice) -> Invoice:
    """The invoice, which is owed no more; raises WrongState where something was paid on it, or a charge is under way, and
    RuleViolated where a change's credit would be left that nobody paid for.
    """
    invoice = unit.get(Invoice, id)
    _check_settled(unit, invoice)
    returned = invoice.void(request.reason, unit.now)
    if returned:
        amount = Money(amount=returned, currency=invoice.currency)
        unit.get(Customer, invoice.customer).give_credit(id, amount, unit.now)
    billed = [unit.get(Subscription, stream) for stream in invoice.subscriptions]
    if not request.rebill and any(_gave_back(subscription, id) for subscription in billed):
        detail = "Changes gave back some of what it bills: void it with rebill, and what is owed is reckoned anew."
        raise RuleViolated("rebill_needed", detail, "/rebill")
    for subscription in billed:
        subscription.withdraw_invoice(id, unit.now, rebill=request.rebill)
    after_settled(unit, invoice, "invoice_closed")
    if request.rebill:
        # Whose other invoices are overdue is billed once they are paid.
        owing = (each for each in billed if each.state != "suspended")
        bill(unit, [(each, owed) for each, owed in owed_by(unit, owing, unit.now) if owed], unit.now)
    return invoice


def _gave_back(subscription: Subscription, invoice: str) -> bool:
    """Whether what stands on an invoice was given back since, in part at least, or is itself given back."""
    own, billed = subscription.posted_on(invoice), defaultdict[tuple[Key, str], int](int)
    for line in own:
        billed[line.key._replace(discount=""), line.agreement] += line.amount
    return any(
        line.amount < 0 or subscription.left_of(line) < billed[line.key, line.agreement] for line in own if not line.key.discount
    )


def write_off(unit: Unit, id: str, request: WriteOffInvoice) -> Invoice:
    """The invoice, of which no more is expected; raises WrongState where nothing is open."""
    invoice = unit.get(Invoice, id)
    _check_settled(unit, invoice)
    invoice.write_off(request.reason, unit.now)
    after_settled(unit, invoice, "invoice_closed")
    return invoice


def _check_settled(unit: Unit, invoice: Invoice) -> None:
    if any(payment.in_progress for payment in unit.open_payments(invoice.id)):
        raise WrongState(
            "payment_in_progress", "The outcome of a charge of this invoice is still awaited.", invoice.allowed_meanwhile
        )
