"""Invoice a customer for what is no subscription's: one-off charges that a client names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import move_credit
from commands.collecting import charge
from commands.unit import Unit
from domain import ids
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.invoice.aggregate import Invoice, due_after
from domain.invoice.events import Line
from domain.money import MAX_AMOUNT, Currency, SignedAmount


class NewLine(BaseModel):
    """``amount`` in minor units of the invoice's currency; below 0 it is a credit."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field(min_length=1, max_length=200, examples=["Installation"])
    amount: SignedAmount = Field(examples=[4900])


class CreateInvoice(BaseModel):
    """``draft``: it may get more lines, and is owed once it is finalized. What comes to less than 0 goes to the account."""

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(max_length=64)
    currency: Currency = Field(examples=["EUR"])
    lines: tuple[NewLine, ...] = Field(min_length=1, max_length=100)
    draft: bool = False


class AddLines(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lines: tuple[NewLine, ...] = Field(min_length=1, max_length=100)


LINES_MAX = 500


def create(unit: Unit, request: CreateInvoice) -> Invoice:
    """The invoice, open or a draft; charged when it falls due."""
    customer = unit.get(Customer, unit.customer_id, "/customer")
    id, lines = unit.new_id(ids.INVOICE), _lines(unit, request.lines)
    if request.draft:
        invoice = Invoice.draft(
            id,
            tenant=unit.tenant,
            customer=customer.id,
            subscriptions=(),
            storefront=customer.storefront,
            currency=request.currency,
            lines=lines,
            finalizes_at=None,
            now=unit.now,
        )
        unit.add(invoice)
        return invoice
    policy = unit.catalog.storefront(unit.tenant, customer.storefront).billing
    invoice = Invoice.issue(
        id,
        tenant=unit.tenant,
        customer=customer.id,
        subscriptions=(),
        storefront=customer.storefront,
        ordinal=unit.next_invoice_ordinal(),
        currency=request.currency,
        lines=lines,
        credit=customer.credit(request.currency),
        issued_at=unit.now,
        due_at=due_after(unit.now, policy.payment_terms_days),
        now=unit.now,
    )
    unit.add(invoice)
    move_credit(unit, invoice)
    charge(unit, invoice)
    return invoice


def add_lines(unit: Unit, id: str, request: AddLines) -> Invoice:
    """The draft with more lines; raises WrongState where it is none."""
    invoice = unit.get(Invoice, id)
    lines = _lines(unit, request.lines)
    if len(invoice.lines) + len(lines) > LINES_MAX:
        raise RuleViolated("too_many_lines", f"An invoice has at most {LINES_MAX} lines.", "/lines")
    _check_total(line.amount for line in (*invoice.lines, *lines))
    invoice.add_lines(lines, unit.now)
    return invoice


def _lines(unit: Unit, lines: Sequence[NewLine]) -> tuple[Line, ...]:
    _check_total(line.amount for line in lines)
    return tuple(
        Line(
            kind="one_off" if line.amount >= 0 else "credit",
            description=line.description,
            quantity=Decimal(1),
            period_start=unit.now,
            period_end=unit.now,
            amount=line.amount,
        )
        for line in lines
    )


def _check_total(amounts: Iterable[int]) -> None:
    if abs(sum(amounts)) > MAX_AMOUNT:
        raise RuleViolated("amount_too_large", "It comes to more than can be billed.", "/lines")
