"""A small ledger in which every event occurs, for tests of what is read from it: two tenants, one customer on a test clock.

``tell`` gives its commands in order; ``write`` puts commands into an embedded log, numbered and hashed as a node would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.catalog import aggregates as catalog
from domain.catalog.terms import Grant, Interval, Terms
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod
from domain.event import Aggregate
from domain.ids import IdSequence, customer_id, partition_of
from domain.invoice.aggregate import Invoice
from domain.invoice.events import Line
from domain.money import Money
from domain.payment.aggregate import Payment
from domain.registry import encode
from domain.subscription.aggregate import Subscription
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
GRANTS = (Grant(entitlement="hd", kind="flag", value=True), Grant(entitlement="seats", kind="quota", value=5))


def tell_catalog(tenant: str) -> Iterator[Told]:
    item = catalog.Tenant.create(tenant, "Acme", T0)
    yield told(tenant, None, item)
    shop = {"timezone": "UTC", "payment_provider": "simulator", "retry_after_s": (3600, 7200)}
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
            self.ids.new("sub"), tenant=self.tenant, customer=self.id, storefront="web", terms=terms, grants=GRANTS,
            timezone="UTC", started_at=T0, now=T0,
        )  # fmt: skip

    def bill(self, subscription: Subscription, now: datetime) -> Invoice:
        period = subscription.next_period()
        line = Line(
            kind="recurring", description="All", bundle="all", price="monthly", price_version=1,
            period_start=period.start, period_end=period.end, amount=subscription.terms.amount.amount,
        )  # fmt: skip
        self._invoices += 1
        invoice = Invoice.issue(
            self.ids.new("inv"), tenant=self.tenant, customer=self.id, subscription=subscription.id, storefront="web",
            ordinal=self._invoices, currency="EUR", lines=(line,), issued_at=period.start, now=now,
        )  # fmt: skip
        subscription.bill(period, invoice.id, now)
        return invoice

    def request(self, invoice: Invoice, now: datetime) -> Payment:
        return Payment.request(
            self.ids.new("pay"), tenant=self.tenant, customer=self.id, subscription=invoice.subscription, storefront="web",
            invoice=invoice.id, purpose="automatic", amount=Money(amount=invoice.open, currency="EUR"), retry_after_s=(3600,),
            now=now,
        )  # fmt: skip

    def record(self, invoice: Invoice, amount: int, now: datetime) -> Payment:
        applied, surplus = invoice.split(amount)
        return Payment.record(
            self.ids.new("pay"), tenant=self.tenant, customer=self.id, subscription=invoice.subscription, storefront="web",
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
    subscription.suspend(invoice.id, now)
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


def tell(tenants: Sequence[str] = ("acme", "other")) -> Iterator[Told]:
    for tenant in tenants:
        yield from tell_catalog(tenant)
        yield from tell_troubled_life(Life(tenant, "crm-1", "clk_1"))
        yield from tell_plain_life(Life(tenant, "crm-2", None))


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
