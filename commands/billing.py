"""What is owed onto invoices: periods and changes of one subscription, or of all that a customer has billed together.

Every function works on the Unit of one command, so all that follows from a cause commits with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import Any

from commands.collecting import after_settled, charge
from commands.unit import Unit
from domain import ids
from domain.catalog.terms import Charge
from domain.customer.aggregate import Customer
from domain.invoice.aggregate import Invoice, due_after
from domain.invoice.events import Line, LineKind
from domain.money import MAX_AMOUNT, Money
from domain.pricing.calendar import add
from domain.pricing.difference import Correction
from domain.pricing.formula import formula
from domain.subscription.aggregate import Subscription
from domain.usage.aggregate import Usage, months, total, usage_id

# One command stays a small append. After a long standstill the bill's timer is still due, and fires again for the rest.
BILLS_A_COMMAND = 100
# What charges more than this together is billed by several commands.
TOGETHER_MAX = 200
# The lines of one invoice: well below what an event may be (`commands.shard`).
INVOICE_BYTES_MAX = 300_000
# A subscription, and what should have been billed and was not.
Owing = tuple[Subscription, Sequence[Correction]]


def bill_and_charge(unit: Unit, subscription: Subscription) -> None:
    """Bill what has fallen due by now, in order and at most BILLS_A_COMMAND times, and ask for the money of each invoice."""
    for due in islice(subscription.dues(unit.now), BILLS_A_COMMAND):
        bill(unit, owed_by(unit, _together(unit, subscription, due), due), due)


def bill_change(unit: Unit, subscription: Subscription, until: datetime) -> None:
    """Bill what a change comes to by an instant, what it takes back and what is owed instead, and all that fell due since."""
    if subscription.state == "suspended":
        return
    if corrections := unbilled(unit, subscription, until):
        bill(unit, [(subscription, corrections)], until)
    bill_and_charge(unit, subscription)


def unbilled(unit: Unit, subscription: Subscription, until: datetime) -> list[Correction]:
    """What should have been billed by an instant, minus what was."""
    return subscription.unbilled(until, partial(_used, unit, subscription.id))


def owed_by(unit: Unit, subscriptions: Iterable[Subscription], until: datetime) -> list[Owing]:
    """Each with that, which may be nothing."""
    return [(each, unbilled(unit, each, until)) for each in subscriptions]


def _used(unit: Unit, subscription: str, meter: str, start: datetime, end: datetime) -> Decimal:
    ids = (usage_id(unit.secret, subscription, meter, month) for month in months(start, end))
    found = [usage for id in ids if (usage := unit.find(Usage, id)) is not None]
    return total(found[0].aggregation, chain.from_iterable(usage.during(start, end) for usage in found)) if found else Decimal(0)


def _together(unit: Unit, subscription: Subscription, due: datetime) -> list[Subscription]:
    """All that goes on the invoice of a subscription for an instant."""
    if not subscription.sale.billing.aligned:
        return [subscription]
    found, charges = [subscription], _charges(subscription)
    for other in unit.due_bills(due):
        if other.id == subscription.id or other.next_bill() != due or other.waits(due):
            continue
        if other.sale.billing.aligned and other.currency == subscription.currency:
            charges += _charges(other)
            if charges > TOGETHER_MAX:
                break
            found.append(other)
    return found


def _charges(subscription: Subscription) -> int:
    """What it charges a period, about as many lines."""
    return sum(len(item.terms.all_charges) for item in (subscription.base, *subscription.add_ons))


def bill(unit: Unit, owing: Sequence[Owing], until: datetime) -> None:
    """Put what should have been billed by ``until`` and was not on an invoice, and ask for its money."""
    for invoice in invoiced(unit, owing, until, unit.now):
        charge(unit, invoice)


@dataclass
class _Sheet:
    """What goes on one invoice, as far as it fits there."""

    id: str
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    amount: int = 0
    bytes: int = 0  # of all lines but the last

    def takes(self, subscription: Subscription, line: Line) -> bool:
        """Put a line on it, if it has room for one more; the first always has."""
        amount, size = self.amount + line.amount, self.bytes
        if self.lines:
            size += len(self.lines[-1].model_dump_json())
            if abs(amount) > MAX_AMOUNT or size > INVOICE_BYTES_MAX:
                return False
        self.amount, self.bytes = amount, size
        self.subscriptions[subscription.id] = subscription
        self.lines.append(line)
        return True


def invoiced(unit: Unit, owing: Sequence[Owing], until: datetime, issued_at: datetime) -> list[Invoice]:
    """What should have been billed by ``until`` and was not, on invoices: on one, unless another currency was agreed before, or
    it is more than one takes.
    """
    sheets = defaultdict[str, list[_Sheet]](list)
    for each, unposted in owing:
        owed = defaultdict[str, list[Correction]](list)
        for correction in unposted:
            of_currency = sheets[each.posted_for(correction.posting)[0].terms.amount.currency]
            line = invoice_line(each, correction)
            if not of_currency or not of_currency[-1].takes(each, line):
                of_currency.append(_Sheet(unit.new_id(ids.INVOICE)))
                of_currency[-1].takes(each, line)
            owed[of_currency[-1].id].append(correction)
        if not owed:
            each.bill(until, [], None, unit.now)
        for id, corrections in owed.items():
            each.bill(until, corrections, id, unit.now)
    return [
        make_invoice(unit, sheet.id, list(sheet.subscriptions.values()), sheet.lines, currency, issued_at)
        for currency, of_currency in sheets.items()
        for sheet in of_currency
    ]


def make_invoice(
    unit: Unit, id: str, subscriptions: Sequence[Subscription], lines: Iterable[Line], currency: str, issued_at: datetime
) -> Invoice:
    """Issued, or a draft first where the storefront's policy says so. What was paid elsewhere long ago is due at its issue."""
    customer = unit.get(Customer, unit.customer_id)
    policy = unit.catalog.storefront(unit.tenant, customer.storefront).billing
    now, lines = unit.now, tuple(lines)
    common: dict[str, Any] = {
        "tenant": unit.tenant,
        "customer": customer.id,
        "subscriptions": tuple(each.id for each in subscriptions),
        "storefront": customer.storefront,
        "currency": currency,
        "lines": lines,
        "now": now,
    }
    if policy.draft_days and issued_at == now:
        invoice = Invoice.draft(id, **common, finalizes_at=add(now, customer.timezone, "day", policy.draft_days))
        unit.add(invoice)
        return invoice
    invoice = Invoice.issue(
        id,
        **common,
        ordinal=unit.next_invoice_ordinal(),
        credit=customer.credit(currency),
        issued_at=issued_at,
        due_at=due_after(issued_at, policy.payment_terms_days if issued_at == now else 0),
    )
    unit.add(invoice)
    move_credit(unit, invoice)
    return invoice


def finalize(unit: Unit, invoice: Invoice) -> None:
    """Issue a draft and ask for its money."""
    issue(unit, invoice)
    charge(unit, invoice)
    if invoice.closed:
        after_settled(unit, invoice, "invoice_paid")


def issue(unit: Unit, invoice: Invoice) -> None:
    """Make an invoice of a draft. What is to be put right of what it bills, as by usage that came late, goes on it."""
    for subscription in (unit.get(Subscription, id) for id in invoice.subscriptions):
        until = subscription.billed_until
        if until is not None and subscription.changed_from is not None and (corrections := unbilled(unit, subscription, until)):
            lines = tuple(invoice_line(subscription, each) for each in corrections)
            if abs(invoice.total + sum(line.amount for line in lines)) <= MAX_AMOUNT:  # else the next invoice has it
                invoice.add_lines(lines, unit.now)
                subscription.bill(until, corrections, invoice.id, unit.now)
    customer = unit.get(Customer, invoice.customer)
    terms = unit.catalog.storefront(unit.tenant, invoice.storefront).billing.payment_terms_days
    invoice.finalize(
        ordinal=unit.next_invoice_ordinal(),
        credit=customer.credit(invoice.currency),
        due_at=due_after(unit.now, terms),
        now=unit.now,
    )
    move_credit(unit, invoice)


def move_credit(unit: Unit, invoice: Invoice) -> None:
    """What the account gave to an invoice that was issued just now, or what it got from it."""
    customer = unit.get(Customer, invoice.customer)
    if invoice.credit_applied:
        customer.apply_credit(invoice.id, Money(amount=invoice.credit_applied, currency=invoice.currency), unit.now)
    if invoice.credited:
        customer.give_credit(invoice.id, Money(amount=invoice.credited, currency=invoice.currency), unit.now)


def invoice_line(subscription: Subscription, correction: Correction) -> Line:
    """What is posted, in words."""
    posting = correction.posting
    item, charge = subscription.posted_for(posting)
    discount = subscription.discounts.get(posting.key.discount)
    used = sum((owed.part.quantity for owed in correction.owed), Decimal(0))
    return Line(
        kind=_kind(correction, charge),
        description=charge.name if discount is None else f"{charge.name}: {discount.name}",
        subscription=subscription.id,
        item=item.id,
        charge=charge.id,
        discount=posting.key.discount,
        bundle=item.terms.bundle,
        price=item.terms.price,
        price_version=item.terms.price_version,
        quantity=item.quantity if charge.meter is None else used,
        period_start=posting.start,
        period_end=posting.end,
        amount=posting.amount,
        formula=formula(correction, subscription.sale.billing.proration.rounding),
    )


def _kind(correction: Correction, charge: Charge) -> LineKind:
    if correction.posting.key.discount:
        return "discount"
    if correction.posting.amount < 0:
        return "credit"
    in_part = bool(correction.posted) or any(owed.part.share != 1 for owed in correction.owed)
    if charge.kind == "recurring" and in_part:
        return "proration"
    return charge.kind
