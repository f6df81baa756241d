"""A small ledger in which every event occurs, for tests of what is read from it: two tenants, one customer on a test clock.

``tell`` gives its commands in order; ``write`` puts commands into an embedded log, numbered and hashed as a node would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from commands.billing import invoice_line
from domain.catalog import aggregates as catalog
from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.catalog.terms import Grant, Interval, Terms
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod
from domain.event import Aggregate
from domain.ids import IdSequence, customer_id, partition_of
from domain.invoice.aggregate import Invoice
from domain.invoice.events import CreditedLine, Line
from domain.money import Money
from domain.payment.aggregate import Payment
from domain.pricing.discounts import Discount
from domain.registry import encode
from domain.subscription.aggregate import Subscription
from domain.subscription.sale import Billing, Item
from domain.subscription.values import Pause, Transfer
from domain.usage.aggregate import Usage, month_of, usage_id
from infra.eventlog import record as log_record
from infra.eventlog.number import number
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append
from infra.eventlog.sqlite import SqliteLog

SECRET = b"test secret"
PARTITIONS = 3
T0 = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLEAR = {"name": "Ada Lovelace", "email": "ada@example.com"}
KEY_HASH = "ab" * 32


class FakeVault:
    """Opens anything sealed here to ``CLEAR``, save under keys that are gone."""

    def __init__(self, gone: frozenset[str] = frozenset()) -> None:
        self._gone = gone

    def open(self, stream: str, field: str, sealed: str, key: str) -> dict[str, str] | None:
        assert (field, sealed) == ("personal", f"sealed for {stream}")
        return None if key in self._gone else dict(CLEAR)


@dataclass(frozen=True)
class Told:
    """One command's events, in order."""

    tenant: str
    key: str
    partition: str
    events: tuple[Any, ...]

    def append(self, number: int) -> Append:
        events = tuple(log_record.Event(e.originator_id, e.originator_version, e.TOPIC, encode(e)) for e in self.events)
        return Append(self.partition, self.key, self.tenant, f"client:{number}", events, actor="key_1", reason="because")


def told(tenant: str, customer: str | None, *aggregates: Aggregate) -> Told:
    """What the aggregates have pending, as one command of a customer, or of the catalog."""
    events = tuple(event for aggregate in aggregates for event in aggregate.collect_events())
    if customer is None:
        return Told(tenant, tenant, log_record.CATALOG, events)
    return Told(tenant, f"{tenant}/{customer}", partition_of(customer, PARTITIONS), events)


TERMS = Terms(
    bundle="all", bundle_name="All", price="monthly", price_version=1, amount=Money(amount=1000, currency="EUR"),
    interval=Interval(unit="month"), trial_days=14, term_periods=12,
)  # fmt: skip
POLICIES = {"billing": BillingPolicy(), "dunning": DunningPolicy()}
GRANTS = (Grant(entitlement="hd", kind="flag", value=True), Grant(entitlement="seats", kind="quota", value=5))


def tell_catalog(tenant: str) -> Iterator[Told]:
    item = catalog.Tenant.create(tenant, "Acme", T0)
    yield told(tenant, None, item)
    shop = {"timezone": "UTC", "payment_provider": "simulator", "retry_after_s": (3600, 7200), **POLICIES}
    front = catalog.Storefront.create(tenant, "web", name="Web", **shop, now=T0)  # type: ignore[arg-type]
    yield told(tenant, None, front)
    front.change(name="Web shop", **shop, now=T0 + DAY)  # type: ignore[arg-type]
    yield told(tenant, None, front)
    yield told(tenant, None, catalog.Entitlement.define(tenant, "hd", kind="flag", name="HD", now=T0))
    yield told(tenant, None, catalog.Bundle.define(tenant, "all", storefront="web", name="All", grants=GRANTS, now=T0))
    yield told(tenant, None, catalog.Price.publish(tenant, "web", TERMS, T0))
    for id, hash_ in (("key_1", KEY_HASH), ("key_2", "cd" * 32)):
        key = catalog.ApiKey.issue(tenant, id, name=id, permissions=("read", "write"), secret_hash=hash_, now=T0)
        yield told(tenant, None, key)
    key.revoke(T0 + DAY)
    yield told(tenant, None, key)
    coupon = catalog.Coupon.create(
        tenant, "spring", name="Spring sale", percent=Decimal(20), amount=None, periods=3, prices=("monthly",),
        redeem_by=T0 + DAY, now=T0,
    )  # fmt: skip
    yield told(tenant, None, coupon)
    yield told(tenant, None, catalog.Meter.create(tenant, "calls", name="API calls", aggregation="sum", now=T0))
    clock = catalog.Clock.create(tenant, "clk_1", name="Year", at=T0, now=T0)
    yield told(tenant, None, clock)
    clock.advance(T0 + 20 * DAY, T0)
    yield told(tenant, None, clock)


class Life:
    """The commands of one customer."""

    def __init__(self, tenant: str, external_id: str, clock: str | None) -> None:
        self.tenant = tenant
        self.id = customer_id(SECRET, tenant, "web", external_id, "")
        self.ids = IdSequence(SECRET, tenant, self.id, "story")
        self.customer = Customer.register(
            self.id, tenant=tenant, storefront="web", external_id=external_id, timezone="UTC", clock=clock,
            personal=f"sealed for {self.id}", payment_method=PaymentMethod(provider="simulator", token="ok"), now=T0,
        )  # fmt: skip
        self._invoices = 0

    def told(self, *aggregates: Aggregate) -> Told:
        return told(self.tenant, self.id, *aggregates)

    def start(self, terms: Terms = TERMS) -> Subscription:
        return Subscription.start(
            self.ids.new("sub"), tenant=self.tenant, customer=self.id, storefront="web",
            items=(Item(terms=terms, grants=GRANTS),), billing=Billing(), timezone="UTC", started_at=T0, now=T0,
        )  # fmt: skip

    def bill(self, subscription: Subscription, now: datetime, due: datetime | None = None) -> Invoice:
        due = due or subscription.next_bill() or now
        corrections = subscription.unbilled(due)
        self._invoices += 1
        invoice = Invoice.issue(
            self.ids.new("inv"), tenant=self.tenant, customer=self.id, subscriptions=(subscription.id,), storefront="web",
            ordinal=self._invoices, currency="EUR", lines=tuple(invoice_line(subscription, each) for each in corrections),
            credit=self.customer.credit("EUR"), issued_at=due, due_at=due, now=now,
        )  # fmt: skip
        subscription.bill(due, corrections, invoice.id, now)
        return invoice

    def draft(self, amount: int, now: datetime, finalizes_at: datetime | None = None) -> Invoice:
        return Invoice.draft(
            self.ids.new("inv"), tenant=self.tenant, customer=self.id, subscriptions=(), storefront="web", currency="EUR",
            lines=(self.line(amount, now),), finalizes_at=finalizes_at, now=now,
        )  # fmt: skip

    def line(self, amount: int, now: datetime) -> Line:
        return Line(kind="one_off", description="Installation", period_start=now, period_end=now, amount=amount)

    def finalize(self, invoice: Invoice, now: datetime) -> None:
        self._invoices += 1
        invoice.finalize(ordinal=self._invoices, credit=self.customer.credit("EUR"), due_at=now, now=now)

    def request(self, invoice: Invoice, now: datetime) -> Payment:
        return Payment.request(
            self.ids.new("pay"), tenant=self.tenant, customer=self.id, subscription=invoice.subscriptions[0], storefront="web",
            invoice=invoice.id, purpose="automatic", amount=Money(amount=invoice.open, currency="EUR"), retry_after_s=(3600,),
            now=now,
        )  # fmt: skip

    def record(self, invoice: Invoice, amount: int, now: datetime) -> Payment:
        applied, surplus = invoice.split(amount)
        return Payment.record(
            self.ids.new("pay"), tenant=self.tenant, customer=self.id, subscription=invoice.subscriptions[0], storefront="web",
            invoice=invoice.id, amount=Money(amount=amount, currency="EUR"), applied=applied, surplus=surplus, paid_at=now,
            reference="transfer 7", now=now,
        )  # fmt: skip


def tell_troubled_life(life: Life) -> Iterator[Told]:
    """Trial, a charge that fails until suspension, paid elsewhere with a surplus, reinstated, cancelled with the period."""
    yield life.told(life.customer)
    life.customer.change(timezone="Europe/Berlin", personal=f"sealed for {life.id}", now=T0)
    life.customer.set_payment_method(None, T0)
    yield life.told(life.customer)
    subscription = life.start()
    yield life.told(subscription)
    now = T0 + 14 * DAY
    subscription.activate(now)
    invoice = life.bill(subscription, now)
    payment = life.request(invoice, now)
    payment.start_attempt(None, 1000, now)
    yield life.told(subscription, invoice, payment)
    subscription.enter_grace(invoice.id, now)
    yield life.told(payment, subscription)
    now += timedelta(hours=1)
    payment.start_attempt(PaymentMethod(provider="simulator", token="lost"), 1000, now)
    yield life.told(payment)
    payment.lose_track(now)
    yield life.told(payment)
    payment.fail("refused", now)
    subscription.suspend(invoice.id, DunningPolicy(give_up_after_days=30), now)
    second = life.request(invoice, now)
    yield life.told(payment, subscription, second)
    now += DAY
    recorded = life.record(invoice, 1500, now)
    invoice.apply_payment(recorded.id, 1000, now, now)
    second.abandon("invoice_paid", now)
    subscription.reinstate(now)
    yield life.told(recorded, invoice, second, subscription)
    subscription.cancel_at_period_end(now)
    yield life.told(subscription)
    assert subscription.cancel_at is not None
    subscription.cancel(subscription.cancel_at, subscription.cancel_at)
    yield life.told(subscription)


def tell_plain_life(life: Life) -> Iterator[Told]:
    """No trial, one month for a fixed term, captured at once, expired."""
    yield life.told(life.customer)
    subscription = life.start(TERMS.model_copy(update={"trial_days": 0, "term_periods": 1}))
    invoice = life.bill(subscription, T0)
    payment = life.request(invoice, T0)
    payment.start_attempt(PaymentMethod(provider="simulator", token="ok"), 1000, T0)
    yield life.told(subscription, invoice, payment)
    payment.capture("ch_1", 1000, 1000, 0, T0)
    invoice.apply_payment(payment.id, 1000, T0, T0)
    yield life.told(payment, invoice)
    assert subscription.term_ends_at is not None
    subscription.expire(subscription.term_ends_at)
    yield life.told(subscription)


def tell_changed_life(life: Life) -> Iterator[Told]:
    """A trial cut short, two more units and then none of them in a paid month, and a cancellation thought better of."""
    yield life.told(life.customer)
    subscription = life.start()
    yield life.told(subscription)
    now = T0 + 7 * DAY
    subscription.set_trial_end(now, now)
    subscription.activate(now)
    yield life.told(subscription, life.bill(subscription, now))
    for days, quantity in ((10, 3), (12, 1)):
        now = T0 + days * DAY
        (base,) = subscription.sale.agreements[-1].items
        items = (base.model_copy(update={"quantity": Decimal(quantity)}),)
        subscription.change(items, now, now, trial_ends_at=subscription.trial_ends_at)
        invoice = life.bill(subscription, now, now)
        if invoice.credited:
            life.customer.give_credit(invoice.id, Money(amount=invoice.credited, currency="EUR"), now)
        yield life.told(subscription, invoice, life.customer)
    subscription.schedule_change(subscription.sale.agreements[-1].items, now + DAY, now)
    yield life.told(subscription)
    subscription.withdraw_change(now)
    subscription.cancel_at_period_end(now)
    yield life.told(subscription)
    subscription.withdraw_cancellation(now)
    yield life.told(subscription)
    due = subscription.next_bill()
    assert due is not None
    invoice = life.bill(subscription, due)
    life.customer.apply_credit(invoice.id, Money(amount=invoice.credit_applied, currency="EUR"), due)
    yield life.told(subscription, invoice, life.customer)


def tell_resting_life(life: Life) -> Iterator[Told]:
    """Billed on a day, with a discount that ends; paused and resumed, renewed, and passed on to somebody else in the end."""
    life.customer.set_billing(billing_day=1, together=True, now=T0)
    yield life.told(life.customer)
    subscription = life.start(TERMS.model_copy(update={"trial_days": 0, "term_periods": 2}))
    subscription.discount(Discount(id="spring", name="Spring sale", percent=Decimal(20), periods=3, since=T0), T0)
    invoice = life.bill(subscription, T0)
    yield life.told(subscription, invoice)
    credited = CreditedLine(line=1, amount=100)
    invoice.credit_note((credited,), "a day without service", T0)
    subscription.waive(subscription.posted_on(invoice.id)[0], credited.amount, T0)
    yield life.told(invoice, subscription)
    invoice.write_off("gone away", T0)
    yield life.told(invoice)
    late = life.record(invoice, 50, T0)
    invoice.apply_payment(late.id, 50, T0, T0)
    yield life.told(late, invoice)
    life.customer.give_credit(invoice.id, Money(amount=30, currency="EUR"), T0)
    late.refund(Money(amount=30, currency="EUR"), "paid by mistake", "transfer 8", T0)
    life.customer.refund_credit(late.id, Money(amount=30, currency="EUR"), T0)
    yield life.told(late, life.customer)
    now = T0 + DAY
    common = {"tenant": life.tenant, "customer": life.id, "storefront": "web", "subscription": subscription.id}
    used = Usage.open(
        usage_id(SECRET, subscription.id, "calls", month_of(T0)), **common, meter="calls", aggregation="sum",
        month=month_of(T0), now=now,
    )  # fmt: skip
    used.record(T0, Decimal("12.5"), None, source="gateway", record="1", now=now)
    subscription.use_late("calls", T0, now)
    yield life.told(used, subscription)
    pause = Pause(paused_at=now, resumes_at=now + DAY, billing="continued", entitlements="withdrawn")
    subscription.rest(pause, now)
    yield life.told(subscription)
    subscription.resume(now + DAY, now + DAY)
    subscription.end_discount("spring", now + DAY)
    subscription.renew(2, now + DAY)
    yield life.told(subscription)
    now = T0 + 31 * DAY
    wrong = life.bill(subscription, now)
    yield life.told(subscription, wrong)
    wrong.void("wrong price", now)
    subscription.withdraw_invoice(wrong.id, now, rebill=False)
    yield life.told(wrong, subscription)
    to = Transfer(customer=life.id, subscription=life.ids.new("sub"), at=now)
    subscription.request_transfer(to, now)
    yield life.told(subscription)
    subscription.fail_transfer("customer_not_found", now)
    subscription.request_transfer(to, now)
    yield life.told(subscription)
    subscription.end_transferred(now)
    yield life.told(subscription)
    draft = life.draft(4900, now, now + DAY)
    yield life.told(draft)
    draft.add_lines((life.line(900, now),), now)
    yield life.told(draft)
    life.finalize(draft, now)
    yield life.told(draft, life.draft(100, now))


def tell(tenants: Sequence[str] = ("acme", "other")) -> Iterator[Told]:
    for tenant in tenants:
        yield from tell_catalog(tenant)
        yield from tell_troubled_life(Life(tenant, "crm-1", "clk_1"))
        yield from tell_plain_life(Life(tenant, "crm-2", None))
        yield from tell_changed_life(Life(tenant, "crm-3", None))
        yield from tell_resting_life(Life(tenant, "crm-4", None))


class Writer:
    """A node in small: owns an embedded log and appends to it."""

    def __init__(self, log: SqliteLog, now: Callable[[], datetime] = lambda: T0) -> None:
        self._now = now
        self._owner = log.owner()
        self._owner.poll(0)
        self._environment = log.environment
        self._states = {name: ReaderState().with_claim(self._owner.claim(name, 1, now())) for name in log.partitions}
        self._commands = 0
        self._closed = False

    def write(self, commands: Sequence[Told]) -> None:
        for command in commands:
            self._commands += 1
            state = self._states[command.partition]
            appends, after = number([command.append(self._commands)], state, self._now(), self._environment)
            self._owner.commit(appends[0].records, {}, frozenset({command.partition}))
            self._states[command.partition] = after

    def close(self) -> None:
        """Let go of the log, once."""
        if not self._closed:
            self._closed = True
            self._owner.close()
