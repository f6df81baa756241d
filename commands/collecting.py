"""Money for invoices: charges and what is paid elsewhere, and what follows from their coming or not for access.

Every function works on the Unit of one command, so all that follows from a cause commits with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from commands.unit import Unit
from domain import ids
from domain.customer.aggregate import Customer
from domain.invoice.aggregate import Invoice
from domain.money import Money
from domain.payment.aggregate import PAYMENT_IN_PROGRESS, Payment
from domain.payment.events import AbandonedFor
from domain.subscription.aggregate import Subscription
from domain.subscription.lifecycle import ENDED


def charge(unit: Unit, invoice: Invoice | None) -> None:
    """Ask for what an invoice has open, if there is one: when it falls due."""
    if invoice is not None and invoice.state == "open":
        request_charge(unit, invoice, "automatic", unit.catalog.storefront(unit.tenant, invoice.storefront).retry_after_s)


def request_charge(
    unit: Unit, invoice: Invoice, purpose: Literal["automatic", "manual"], retry_after_s: Sequence[int]
) -> Payment:
    """Ask for what an invoice has open; start the first attempt, unless it is automatic and not yet due."""
    assert invoice.due_at is not None
    waits = purpose == "automatic" and invoice.due_at > unit.now
    payment = Payment.request(
        unit.new_id(ids.PAYMENT),
        tenant=unit.tenant,
        customer=invoice.customer,
        subscription=_subscription(invoice),
        storefront=invoice.storefront,
        invoice=invoice.id,
        purpose=purpose,
        amount=Money(amount=invoice.open, currency=invoice.currency),
        retry_after_s=tuple(retry_after_s),
        attempt_at=invoice.due_at if waits else None,
        now=unit.now,
    )
    unit.add(payment)
    if not waits:
        start_attempt(unit, payment, invoice)
    return payment


def start_attempt(unit: Unit, payment: Payment, invoice: Invoice) -> None:
    """Start the payment's next attempt with the customer's present method; without one it fails here and now.

    It fails as well where another charge of the invoice has no outcome yet: two at once could both come to money; and where the
    method was refused for good before.
    """
    method = unit.get(Customer, payment.customer).payment_method
    stop = unit.catalog.storefront(unit.tenant, payment.storefront).dunning.hard_declines == "stop"
    if any(other.in_progress for other in unit.open_payments(invoice.id) if other.id != payment.id):
        payment.pass_over(PAYMENT_IN_PROGRESS, invoice.open, unit.now)
    elif stop and method is not None and method == payment.declined:
        payment.pass_over(payment.failure or "", invoice.open, unit.now)
    else:
        payment.start_attempt(method, invoice.open, unit.now)
    if not payment.in_progress:
        after_failure(unit, payment)


def record_payment(unit: Unit, invoice: Invoice, amount: Money, paid_at: datetime, reference: str | None) -> Payment:
    """Take in money that was paid elsewhere: what the invoice has open, the rest as surplus."""
    applied, surplus = invoice.split(amount.amount)
    payment = Payment.record(
        unit.new_id(ids.PAYMENT),
        tenant=unit.tenant,
        customer=invoice.customer,
        subscription=_subscription(invoice),
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
    take_money(unit, invoice, payment, paid_at)
    return payment


def take_money(unit: Unit, invoice: Invoice, payment: Payment, paid_at: datetime) -> None:
    """What of a payment goes to its invoice, what to the account, and what follows."""
    if payment.applied:
        invoice.apply_payment(payment.id, payment.applied, paid_at, unit.now)
    if payment.surplus:
        surplus = Money(amount=payment.surplus, currency=invoice.currency)
        unit.get(Customer, payment.customer).give_credit(payment.id, surplus, unit.now)
    after_settled(unit, invoice, "invoice_paid")


def after_settled(unit: Unit, invoice: Invoice, cause: AbandonedFor) -> None:
    """Something of an invoice was settled: once it is closed no retry is made for it, and what was overdue may not be any
    more.
    """
    if invoice.closed:
        for payment in unit.open_payments(invoice.id):
            if payment.state == "waiting":
                payment.abandon(cause, unit.now)
    for id in invoice.subscriptions:
        subscription = unit.get(Subscription, id)
        if subscription.state in ("grace", "suspended") and not _overdue(unit, subscription):
            subscription.reinstate(unit.now)
        suspend_if_exhausted(unit, subscription)


def after_failure(unit: Unit, payment: Payment) -> None:
    """An attempt finally failed: the subscription enters grace, and is suspended once retries are used up.

    Not where the invoice was paid meanwhile: then nothing is overdue for it, and no retry is made. A method that was set while
    the charge was under way is tried at once.
    """
    invoice = unit.get(Invoice, payment.invoice)
    if invoice.closed and payment.state == "waiting":
        payment.abandon("invoice_paid" if invoice.state == "paid" else "invoice_closed", unit.now)
    if not invoice.closed and _method_was_set_since(unit, payment):
        request_charge(unit, invoice, "manual", ())
    for id in invoice.subscriptions:
        subscription = unit.get(Subscription, id)
        if not invoice.closed and payment.purpose == "automatic" and subscription.failure_counts(invoice.id):
            subscription.enter_grace(invoice.id, unit.now)
        suspend_if_exhausted(unit, subscription)
    if payment.state == "waiting" and _hopeless(unit, invoice):
        payment.abandon("subscription_suspended", unit.now)


def _method_was_set_since(unit: Unit, payment: Payment) -> bool:
    tried, present = payment.attempt and payment.attempt.method, unit.get(Customer, payment.customer).payment_method
    return tried is not None and present not in (None, tried)


def activate(unit: Unit, subscription: Subscription) -> None:
    """End the trial. It goes on whatever becomes of its fee, but what follows does not: a charge that failed counts from here."""
    subscription.activate(unit.now)
    overdue = _overdue(unit, subscription)
    # A charge by hand that is under way was asked for because another one failed.
    failed = [
        each for each in overdue
        if not any(payment.in_progress and payment.purpose == "automatic" for payment in unit.open_payments(each.id))
    ]  # fmt: skip
    if failed:
        subscription.enter_grace(failed[0].id, unit.now)
        suspend_if_exhausted(unit, subscription)


def suspend_if_exhausted(unit: Unit, subscription: Subscription) -> None:
    """Suspend where an open invoice has no retry left, unless an attempt's outcome is still awaited; abandon what retries
    remain.
    """
    if subscription.state != "grace":
        return
    payments = {invoice.id: unit.open_payments(invoice.id) for invoice in _overdue(unit, subscription)}
    if any(payment.in_progress for open_payments in payments.values() for payment in open_payments):
        return
    exhausted = [invoice for invoice, open_payments in payments.items() if not open_payments]
    if not exhausted:
        return
    subscription.suspend(exhausted[0], unit.catalog.storefront(unit.tenant, subscription.storefront).dunning, unit.now)
    for id, open_payments in payments.items():
        if _hopeless(unit, unit.get(Invoice, id)):
            for payment in open_payments:
                payment.abandon("subscription_suspended", unit.now)


def _overdue(unit: Unit, subscription: Subscription) -> list[Invoice]:
    """The open invoices that have fallen due, oldest first."""
    return [each for each in unit.open_invoices(subscription.id) if each.due_at is not None and each.due_at <= unit.now]


def _hopeless(unit: Unit, invoice: Invoice) -> bool:
    """Whether all that it bills is suspended, or has ended before: then nothing is retried. What ended unsuspended is owed."""
    states = {unit.get(Subscription, id).state for id in invoice.subscriptions}
    return "suspended" in states and states <= {"suspended", *ENDED}


def _subscription(invoice: Invoice) -> str | None:
    """The first one that it bills, if it does any."""
    return invoice.subscriptions[0] if invoice.subscriptions else None
