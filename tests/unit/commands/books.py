"""What must always hold of the books, whatever was done: told from events and sums, by no rule of the program's own."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

from commands.shard import Shard
from domain.customer.aggregate import Customer
from domain.customer.events import CustomerCreditApplied, CustomerCredited, CustomerCreditRefunded
from domain.invoice.aggregate import Invoice
from domain.pricing.difference import Posting
from domain.subscription.aggregate import Subscription
from domain.subscription.lifecycle import ENDED
from tests.unit.commands.world import SECRET, TENANT, World


def check_books(world: World) -> None:
    """All of it."""
    for invoice in world.invoices():
        adds_up(invoice)
    nothing_is_lost(world)
    for subscription in world.streams.all(Subscription):
        access_is_what_events_said(world, subscription)
        nothing_is_billed_twice(subscription)
        nothing_is_left_out(world, subscription)
        all_that_was_posted_is_invoiced(world, subscription)
        state_follows_what_is_owed(world, subscription)
    fresh = Shard(world.streams, world.catalog, world.vault, SECRET)
    for customer in world.streams.all(Customer):
        assert world.shard.timer(f"{TENANT}/{customer.id}") == fresh.timer(f"{TENANT}/{customer.id}")


def adds_up(invoice: Invoice) -> None:
    """Σ lines = Σ settled + given up + open."""
    assert sum(line.amount for line in invoice.lines) == invoice.total
    assert invoice.open >= 0
    paid = sum(amount for _, amount, _ in invoice.applied)
    noted = sum(note.amount for note in invoice.credit_notes)
    given = sum(note.to_account for note in invoice.credit_notes)
    assert 0 <= noted <= max(0, invoice.total)
    assert 0 <= given <= paid + invoice.credit_applied
    settled = paid + invoice.credit_applied - invoice.credited + noted - given + invoice.written_off
    match invoice.state:
        case "draft":
            assert (settled, invoice.open) == (0, 0)
        case "void":
            assert (paid, noted, invoice.written_off, invoice.credited, invoice.open) == (0, 0, 0, 0, 0)
        case "open":
            assert invoice.open > 0
            assert settled + invoice.open == invoice.total
        case "uncollectible":
            assert (settled, invoice.open) == (invoice.total, 0)
            assert invoice.written_off
        case "paid":
            assert (settled, invoice.open, invoice.written_off) == (invoice.total, 0, 0)


def nothing_is_lost(world: World) -> None:
    """Σ payments = Σ applied + Σ surplus; what an account has = Σ in - Σ out, never below 0; one charge at a time."""
    account, applied, paid = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for invoice in world.invoices():
        key = invoice.customer, invoice.currency
        account[key] += invoice.credited + sum(note.to_account for note in invoice.credit_notes)
        account[key] -= 0 if invoice.state == "void" else invoice.credit_applied
        applied[invoice.id] += sum(amount for _, amount, _ in invoice.applied)
    for payment in world.payments():
        account[payment.customer, payment.amount.currency] += payment.surplus - payment.refunded
        assert 0 <= payment.refunded <= payment.applied + payment.surplus
        paid[payment.invoice] += payment.applied
    assert +paid == +applied
    for customer in world.streams.all(Customer):
        assert all(left.amount > 0 for _, left in customer.credits)
        for currency in ("EUR", "USD"):
            assert customer.credit(currency) == account[customer.id, currency] >= 0
    told = Counter[str]()
    for event in world.said:
        if isinstance(event, CustomerCredited | CustomerCreditApplied | CustomerCreditRefunded):
            told[event.amount.currency] += event.amount.amount * (1 if isinstance(event, CustomerCredited) else -1)
    assert +told == +sum((Counter({key[1]: amount}) for key, amount in account.items()), Counter[str]())
    running = Counter(payment.invoice for payment in world.payments() if payment.in_progress)
    assert all(number == 1 for number in running.values())
    waiting = {payment.invoice for payment in world.payments() if payment.state == "waiting"}
    assert not waiting & {invoice.id for invoice in world.invoices() if invoice.closed}


def access_is_what_events_said(world: World, subscription: Subscription) -> None:
    """As the read model has it; and none without a state that gives it."""
    access, until = False, None
    for event in world.said:
        if event.originator_id == subscription.id:
            access = getattr(event, "access", access)
            until = getattr(event, "access_until", until)
    for ahead in (timedelta(0), timedelta(seconds=1), timedelta(days=5), timedelta(days=400)):
        at = world.now + ahead
        grants = access and subscription.sale.started_at <= at and (until is None or at < until)
        assert subscription.grants_access(at) == grants
        assert not grants or subscription.state in ("trial", "active", "grace")


def nothing_is_billed_twice(subscription: Subscription) -> None:
    """Each instant is charged for at most once by a charge of an item, unless the first time was given up by a credit note; and
    none comes to less than nothing.
    """
    for key, lines in subscription.posted.items():
        if key.discount:
            continue
        assert sum(line.amount for line in lines) >= 0
        if any(line.waived for line in lines):
            continue
        instants = sorted({instant for line in lines for instant in (line.start, line.end)})
        for start, end in pairwise(instants):
            assert sum(_covers(line, start, end) for line in lines) <= 1, (key, start, lines)


def _covers(line: Posting, start: datetime, end: datetime) -> int:
    within = line.amount and line.start <= start and end <= line.end
    return 0 if not within else 1 if line.amount > 0 else -1


def nothing_is_left_out(world: World, subscription: Subscription) -> None:
    """Whatever the engine says is owed by now stands on an invoice; what a later end gives back may wait for it."""
    if subscription.state != "suspended":
        left = [each for each in subscription.unbilled(world.now) if each.posting.start <= world.now]
        assert not left, left
        assert (due := subscription.next_bill()) is None or due > world.now


def all_that_was_posted_is_invoiced(world: World, subscription: Subscription) -> None:
    posted = Counter(
        (line.invoice, line.key.item, line.key.charge, line.key.discount, line.start, line.end, line.amount)
        for lines in subscription.posted.values()
        for line in lines
    )
    invoiced = Counter(
        (invoice.id, line.item, line.charge, line.discount, line.period_start, line.period_end, line.amount)
        for invoice in world.invoices()
        for line in invoice.lines
        if line.subscription == subscription.id
    )
    assert not posted - invoiced
    void = {invoice.id for invoice in world.invoices() if invoice.state == "void"}
    assert {key[0] for key in (invoiced - posted)} <= void


def state_follows_what_is_owed(world: World, subscription: Subscription) -> None:
    invoices = [invoice for invoice in world.invoices() if subscription.id in invoice.subscriptions and invoice.state == "open"]
    overdue = [invoice for invoice in invoices if invoice.due_at is not None and invoice.due_at <= world.now]
    payments = [payment for payment in world.payments() if payment.invoice in {invoice.id for invoice in overdue}]
    if subscription.state in ("grace", "suspended"):
        assert overdue
    if subscription.state == "grace" and not any(payment.in_progress for payment in payments):
        assert {invoice.id for invoice in overdue} <= {payment.invoice for payment in payments if payment.open}
    if subscription.state == "active":
        tried = {payment.invoice for payment in payments if payment.purpose == "automatic" and payment.state == "failed"}
        assert not tried & {invoice.id for invoice in overdue}
    if subscription.state in ENDED:
        assert not [kind for kind, _ in subscription.timers()]
