"""What billing and payments have in common: periods onto invoices, invoices to charges, money to invoices, and what follows for
access.

Every function works on the Unit of one command, so all that follows from a cause commits with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Literal

from commands.unit import Unit
from domain import ids
from domain.customer.aggregate import Customer
from domain.invoice.aggregate import Invoice
from domain.invoice.events import Line
from domain.money import Money
from domain.payment.aggregate import PAYMENT_IN_PROGRESS, Payment
from domain.subscription.aggregate import Subscription
from domain.subscription.events import Period


def issue_invoice(unit: Unit, subscription: Subscription, period: Period, issued_at: datetime) -> Invoice:
    """Put one period on an invoice of its own."""
    terms = subscription.terms
    line = Line(
        kind="recurring",
        description=terms.bundle_name,
        bundle=terms.bundle,
        price=terms.price,
        price_version=terms.price_version,
        period_start=period.start,
        period_end=period.end,
        amount=terms.amount.amount,
    )
    id = unit.new_id(ids.INVOICE)
    subscription.bill(period, id, unit.now)
    invoice = Invoice.issue(
        id,
        tenant=unit.tenant,
        customer=subscription.customer,
        subscription=subscription.id,
        storefront=subscription.storefront,
        ordinal=unit.next_invoice_ordinal(),
        currency=terms.amount.currency,
        lines=(line,),
        issued_at=issued_at,
        now=unit.now,
    )
    unit.add(invoice)
    return invoice


# One command stays a small append. After a long standstill the bill's timer is still due, and fires again for the rest.
PERIODS_A_COMMAND = 100


def bill_and_charge(unit: Unit, subscription: Subscription) -> None:
    """Bill the periods begun by now, in order and at most PERIODS_A_COMMAND of them, and ask for the money of each."""
    for period in islice(subscription.unbilled_periods(unit.now), PERIODS_A_COMMAND):
        invoice = issue_invoice(unit, subscription, period, unit.now)
        if not invoice.paid:
            retries = unit.catalog.storefront(unit.tenant, subscription.storefront).retry_after_s
            request_charge(unit, invoice, "automatic", retries)


def request_charge(
    unit: Unit, invoice: Invoice, purpose: Literal["automatic", "manual"], retry_after_s: Sequence[int]
) -> Payment:
    """Ask for what an invoice has open and start the first attempt."""
    payment = Payment.request(
        unit.new_id(ids.PAYMENT),
        tenant=unit.tenant,
        customer=invoice.customer,
        subscription=invoice.subscription,
        storefront=invoice.storefront,
        invoice=invoice.id,
        purpose=purpose,
        amount=Money(amount=invoice.open, currency=invoice.currency),
        retry_after_s=tuple(retry_after_s),
        now=unit.now,
    )
    unit.add(payment)
    start_attempt(unit, payment, invoice)
    return payment


def start_attempt(unit: Unit, payment: Payment, invoice: Invoice) -> None:
    """Start the payment's next attempt with the customer's present method; without one it fails here and now.

    It fails as well where another charge of the invoice has no outcome yet: two at once could both come to money.
    """
    if any(other.in_progress for other in unit.open_payments(invoice.id) if other.id != payment.id):
        payment.pass_over(PAYMENT_IN_PROGRESS, invoice.open, unit.now)
    else:
        payment.start_attempt(unit.get(Customer, payment.customer).payment_method, invoice.open, unit.now)
    if not payment.in_progress:
        after_failure(unit, payment)


def record_payment(unit: Unit, invoice: Invoice, amount: Money, paid_at: datetime, reference: str | None) -> Payment:
    """Take in money that was paid elsewhere: what the invoice has open, the rest as surplus."""
    applied, surplus = invoice.split(amount.amount)
    payment = Payment.record(
        unit.new_id(ids.PAYMENT),
        tenant=unit.tenant,
        customer=invoice.customer,
        subscription=invoice.subscription,
        storefront=invoice.storefront,
        invoice=invoice.id,
        amount=amount,
        applied=applied,
        surplus=surplus,
        paid_at=paid_at,
        reference=reference,
        now=unit.now,
    )
    unit.add(payment)
    if applied:
        invoice.apply_payment(payment.id, applied, paid_at, unit.now)
        after_money(unit, invoice)
    return payment


def after_money(unit: Unit, invoice: Invoice) -> None:
    """Money went to an invoice: once it is paid no retry is made for it, and what was overdue may not be any more."""
    if invoice.paid:
        for payment in unit.open_payments(invoice.id):
            if payment.state == "waiting":
                payment.abandon("invoice_paid", unit.now)
    subscription = unit.get(Subscription, invoice.subscription)
    if subscription.state in ("grace", "suspended") and not unit.open_invoices(subscription.id):
        subscription.reinstate(unit.now)
    suspend_if_exhausted(unit, subscription)


def after_failure(unit: Unit, payment: Payment) -> None:
    """An attempt finally failed: the subscription enters grace, and is suspended once retries are used up.

    Not where the invoice was paid meanwhile: then nothing is overdue for it, and no retry is made.
    """
    subscription = unit.get(Subscription, payment.subscription)
    if unit.get(Invoice, payment.invoice).paid:
        if payment.state == "waiting":
            payment.abandon("invoice_paid", unit.now)
    elif payment.purpose == "automatic" and subscription.failure_counts(payment.invoice):
        subscription.enter_grace(payment.invoice, unit.now)
    suspend_if_exhausted(unit, subscription)


def suspend_if_exhausted(unit: Unit, subscription: Subscription) -> None:
    """Suspend where an open invoice has no retry left, unless an attempt's outcome is still awaited; abandon what retries
    remain.
    """
    if subscription.state != "grace":
        return
    payments = {invoice.id: unit.open_payments(invoice.id) for invoice in unit.open_invoices(subscription.id)}
    if any(payment.in_progress for open_payments in payments.values() for payment in open_payments):
        return
    exhausted = [invoice for invoice, open_payments in payments.items() if not open_payments]
    if not exhausted:
        return
    subscription.suspend(exhausted[0], unit.now)
    for open_payments in payments.values():
        for payment in open_payments:
            payment.abandon("subscription_suspended", unit.now)
