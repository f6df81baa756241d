"""Any interleaving of commands, timers, outcomes, failed windows and restarts keeps what must always hold of the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from commands.command import Command
from commands.customer.change import ChangeCustomer, change
from commands.customer.set_payment_method import SetPaymentMethod, set_payment_method
from commands.invoice.pay import ChargeInvoice, RecordPayment, pay
from commands.payment.settle import outcome_command
from commands.ports import Captured, ChargeOutcome, Unknown
from commands.shard import Decided, KeyReused, Replay, Shard
from commands.subscription.cancel import CancelSubscription, cancel
from commands.subscription.start import StartSubscription, start
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod
from domain.errors import Refusal
from domain.event import Aggregate
from domain.money import MAX_AMOUNT, Money
from domain.payment.aggregate import Payment
from domain.payment.events import PaymentRecorded
from domain.subscription.aggregate import Subscription
from domain.subscription.events import SubscriptionStarted
from tests.unit.commands.course import Course
from tests.unit.commands.provider import Provider
from tests.unit.commands.shop import DAY, Shop
from tests.unit.commands.world import SECRET, TENANT

STARTS = ["2011-12-27T20:00", "2026-01-31T22:30", "2026-03-27T01:30", "2026-10-03T16:10", "2028-02-29T12:00", "2099-12-31T23:59"]
ZONES = [
    "UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Chatham",
]  # fmt: skip
PRICES = {
    "free": (0, "day", "EUR", {}),
    "daily": (49, "day", "EUR", {"term_periods": 40}),
    "weekly": (300, "week", "EUR", {}),
    "monthly": (1000, "month", "JPY", {}),
    "trial": (7001, "week", "BHD", {"trial_days": 3}),
    "term": (MAX_AMOUNT, "month", "EUR", {"term_periods": 3}),
    "trial-term": (500, "week", "JPY", {"trial_days": 1, "term_periods": 1}),
    "yearly": (9900, "year", "EUR", {}),
}
TOKENS = ["sim_ok", "sim_ok", "sim_decline", "sim_decline_ok", "sim_timeout", "sim_lost_ok", "sim_unknown", None]
HOURS = st.sampled_from([0, 1, 12, 24, 48, 24 * 7, 24 * 31, 24 * 100])
WHO = st.integers(0, 2)
WHICH = st.integers(0, 20)
BACK_H = st.sampled_from([0, 0, 250, 1000])
ALONE = st.sampled_from([True, True, False])
# What each command may be refused for, whatever stood in the same window before it.
MAY_REFUSE = {
    "start": set[str](),
    "cancel": {"wrong_subscription_state", "end_already_scheduled"},
    "charge": {"invoice_paid", "payment_in_progress"},
    "record": {"invoice_paid"},
    "card": set[str](),
    "move": set[str](),
}
# A customer on a test clock is to wait where a start in the same window left bills that are due.
MAY_REFUSE_ON_CLOCK = {"test_clock_advancing"}


def card(token: str | None) -> PaymentMethod | None:
    return PaymentMethod(provider="simulator", token=token) if token else None


class LedgerMachine(RuleBasedStateMachine):
    """Two customers in wall time, whose provider answers at once or late or never, and one on a test clock.

    Commands wait in ``waiting`` until their window; ``heard`` are outcomes that came, to come again.
    """

    @initialize(
        now=st.sampled_from(STARTS),
        zones=st.lists(st.sampled_from(ZONES), min_size=3, max_size=3),
        tokens=st.lists(st.sampled_from(TOKENS), min_size=3, max_size=3),
        prices=st.lists(st.sampled_from(list(PRICES)), min_size=3, max_size=3),
        retry_after_s=st.sampled_from([(), (DAY,), (DAY, 3 * DAY)]),
        answers=st.booleans(),
    )
    def open_shop(
        self,
        now: str,
        zones: list[str],
        tokens: list[str | None],
        prices: list[str],
        retry_after_s: tuple[int, ...],
        answers: bool,
    ) -> None:
        self.provider = Provider()
        self.answers = answers
        self.shop = Shop(now, self.charge, retry_after_s)
        for id, (amount, unit, currency, terms) in PRICES.items():
            self.shop.price(id, amount, unit, currency, **terms)
        self.shop.clock(now)
        self.customers = [
            self.shop.register(name, card(token), timezone=zone, test_clock=clock)
            for name, token, zone, clock in zip("abc", tokens, zones, (None, None, "clock"), strict=True)
        ]
        self.on_clock = self.customers[2]
        self.clock_at = self.shop.now
        self.waiting: list[tuple[str, Command]] = []
        self.heard: list[Command] = []
        self.courses: dict[str, Course] = {}
        self.followed = 0
        for who, price in enumerate(prices):
            self.start(who, price, 0, history=False, alone=True)

    def charge(self, payment: Payment) -> ChargeOutcome | None:
        """The provider's answer, if it comes at once; a test clock waits for it."""
        return self.provider.charge(payment) if self.answers or payment.customer == self.on_clock else None

    def now(self, customer: str) -> datetime:
        return self.clock_at if customer == self.on_clock else self.shop.now

    # ---- commands --------------------------------------------------------------------------------------------------------------

    def ask(self, verb: str, customer: str, handler: Callable[[Unit], Aggregate], *, alone: bool, **more: Any) -> None:
        """Send a command at once, or let it wait for others."""
        self.waiting.append((verb, self.shop.command(handler, customer, fingerprint=verb, **more)))
        if alone:
            self.send()

    @rule(failures=st.sampled_from([0, 0, 1, 2]))
    def send(self, failures: int = 0) -> None:
        """All that waits commits in one window."""
        waiting, self.waiting = self.waiting, []
        done = self.shop.window([command for _, command in waiting], failures)
        for (verb, command), answer in zip(waiting, done, strict=True):
            if isinstance(answer, Refusal):
                assert answer.code in MAY_REFUSE[verb] | (MAY_REFUSE_ON_CLOCK if command.customer == self.on_clock else set())
        self.settle_now()

    def settle_now(self) -> None:
        """What a command made due at this very instant goes on at once."""
        self.shop.until(self.shop.now)
        self.shop.advance(self.shop.catalog.clock(TENANT, "clock"))

    @rule(who=WHO, price=st.sampled_from(list(PRICES)), back_h=BACK_H, history=st.booleans(), alone=ALONE)
    def start(self, who: int, price: str, back_h: int, history: bool, alone: bool) -> None:
        customer = self.customers[who]
        if len([found for found in self.subscriptions() if found.customer == customer]) + len(self.waiting) < 3:
            now = self.now(customer)
            until = now - timedelta(hours=back_h // 2) if history else None
            body = StartSubscription(customer=customer, price=price, start_at=now - timedelta(hours=back_h), history_until=until)
            self.ask("start", customer, lambda unit: start(unit, body), alone=alone, may_backdate=True)

    def subscriptions(self) -> list[Subscription]:
        return self.shop.streams.all(Subscription)

    @precondition(lambda self: self.subscriptions())
    @rule(which=WHICH, when=st.sampled_from(["now", "period_end", "period_end"]), alone=ALONE)
    def cancel(self, which: int, when: str, alone: bool) -> None:
        subscription = self.subscriptions()[which % len(self.subscriptions())]
        body = CancelSubscription.model_validate({"at": when})
        self.ask("cancel", subscription.customer, lambda unit: cancel(unit, subscription.id, body), alone=alone)

    @precondition(lambda self: self.shop.invoices())
    @rule(which=WHICH, more=st.sampled_from([None, None, -1, 0, 0, 5000]), alone=ALONE)
    def pay(self, which: int, more: int | None, alone: bool) -> None:
        """By a charge, or as paid elsewhere: what is open, or less, or more; an unpaid invoice rather than a paid one."""
        invoices = [invoice for invoice in self.shop.invoices() if not invoice.closed] or self.shop.invoices()
        invoice = invoices[which % len(invoices)]
        if more is None:
            self.ask("charge", invoice.customer, lambda unit: pay(unit, invoice.id, ChargeInvoice(kind="charge")), alone=alone)
        else:
            amount = Money(amount=max(1, min(invoice.open + more, MAX_AMOUNT)), currency=invoice.currency)
            body = RecordPayment(kind="recorded", amount=amount)
            self.ask("record", invoice.customer, lambda unit: pay(unit, invoice.id, body), alone=alone)

    @rule(who=WHO, token=st.sampled_from(TOKENS), alone=ALONE)
    def change_card(self, who: int, token: str | None, alone: bool) -> None:
        body = SetPaymentMethod(payment_method=card(token))
        self.ask("card", self.customers[who], lambda unit: set_payment_method(unit, body), alone=alone)

    @rule(who=WHO, zone=st.sampled_from(ZONES), alone=ALONE)
    def move(self, who: int, zone: str, alone: bool) -> None:
        body = ChangeCustomer(timezone=zone)
        self.ask("move", self.customers[who], lambda unit: change(unit, body), alone=alone)

    @precondition(lambda self: self.waiting)
    @rule(which=WHICH)
    def ask_twice(self, which: int) -> None:
        self.waiting.append(self.waiting[which % len(self.waiting)])

    @rule(which=st.integers(0, 1000), otherwise=st.booleans())
    def ask_again(self, which: int, otherwise: bool) -> None:
        """What was done (by a client, a timer or a provider) is never done again; not with another body either."""
        done = self.shop.causes[which % len(self.shop.causes)]
        command = replace(done, fingerprint="other") if otherwise else done
        (answer,) = self.shop.window([command])
        assert isinstance(answer, KeyReused if otherwise else Replay)

    # ---- time ------------------------------------------------------------------------------------------------------------------

    @rule(hours=HOURS)
    def time_passes(self, hours: int) -> None:
        """Every timer fires at its time."""
        self.send()
        self.shop.until(self.shop.now + timedelta(hours=hours))

    @rule(hours=HOURS)
    def nobody_serves(self, hours: int) -> None:
        """All that fell due meanwhile is done afterwards, in order."""
        self.send()
        self.shop.now += timedelta(hours=hours)
        self.settle_now()

    @rule(hours=HOURS)
    def advance_clock(self, hours: int) -> None:
        self.send()
        self.clock_at += timedelta(hours=hours)
        self.shop.move_clock(self.clock_at.replace(tzinfo=None).isoformat())

    @rule()
    def restart(self) -> None:
        self.shop.shard = Shard(self.shop.streams, self.shop.catalog, self.shop.vault, SECRET)

    # ---- the provider ----------------------------------------------------------------------------------------------------------

    @rule()
    def answer_late_from_now_on(self) -> None:
        self.answers = not self.answers

    @precondition(lambda self: any(payment.in_progress for payment in self.shop.payments()))
    @rule(which=WHICH, sent=st.booleans(), heard=st.sampled_from([True, True, False]))
    def hear_late(self, which: int, sent: bool, heard: bool) -> None:
        """An attempt is sent (again), or not; its outcome is heard, or not. Past its key's life only what became of it is."""
        self.send()
        running = [payment for payment in self.shop.payments() if payment.in_progress]
        if not running:
            return
        payment = running[which % len(running)]
        assert payment.attempt is not None
        outcome: ChargeOutcome = Unknown()
        if sent and self.now(payment.customer) < payment.attempt.key_expires_at:
            outcome = self.provider.charge(payment)
        elif payment.attempt.key in self.provider.taken:
            outcome = Captured("found", payment.attempt.amount.amount)
        command = outcome_command(payment, outcome if heard else Unknown(), self.now(payment.customer))
        (done,) = self.shop.window([command])
        assert isinstance(done, Decided)
        self.heard.append(replace(command, id=f"{command.id}/again"))
        self.settle_now()

    @precondition(lambda self: self.heard)
    @rule(which=WHICH)
    def hear_again(self, which: int) -> None:
        """A second report of an attempt, under a name of its own, changes nothing once the attempt has a final outcome."""
        command = self.heard[which % len(self.heard)]
        id, attempt, _ = command.id.removeprefix("outcome:").split("/", 2)
        payment = self.shop.get(Payment, id)
        if not payment.in_progress or payment.attempts != int(attempt):
            (done,) = self.shop.window([command])
            assert isinstance(done, Refusal)
            assert done.code == "attempt_settled"

    # ---- what always holds -----------------------------------------------------------------------------------------------------

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        """For each customer and currency: Σ applied + Σ open + Σ credit applied - Σ credited = Σ invoiced; Σ payments = Σ applied
        + Σ surplus; what the account has = Σ surplus + Σ credited - Σ credit applied.
        """
        invoiced, settled, applied, paid, credit = (Counter[object]() for _ in range(5))
        for invoice in self.shop.invoices():
            account = invoice.customer, invoice.currency
            invoiced[account] += invoice.total
            applied[account] += sum(amount for _, amount, _ in invoice.applied)
            credit[account] += invoice.credited - invoice.credit_applied
            settled[account] += invoice.open + invoice.credit_applied - invoice.credited
        settled.update(applied)
        assert invoiced == settled
        for payment in self.shop.payments():
            assert payment.applied >= 0
            assert payment.surplus >= 0
            paid[payment.customer, payment.amount.currency] += payment.applied
            credit[payment.customer, payment.amount.currency] += payment.surplus
        assert +paid == +applied
        for customer in self.shop.streams.all(Customer):
            assert all(customer.credit(currency) == credit[customer.id, currency] for currency in ("EUR", "JPY"))

    @invariant()
    def what_came_in_is_what_was_paid(self) -> None:
        """Σ captured = the provider's book, but for what has not been heard of; Σ recorded = what the clients said."""
        captured: dict[str, Money] = {}
        unheard: set[str] = set()
        for payment in self.shop.payments():
            taken = Money(amount=payment.applied + payment.surplus, currency=payment.amount.currency)
            if payment.state == "captured":
                assert payment.attempt is not None
                captured[payment.attempt.key] = taken
            elif payment.in_progress:
                assert payment.attempt is not None
                unheard.add(payment.attempt.key)
            elif payment.state != "recorded":
                assert taken.amount == 0
        assert captured == {key: money for key, money in self.provider.taken.items() if key not in unheard}
        recorded = [event for event in self.shop.said if isinstance(event, PaymentRecorded)]
        assert all(event.amount.amount == event.applied + event.surplus for event in recorded)

    @invariant()
    def an_invoice_has_one_charge_at_a_time_and_none_once_paid(self) -> None:
        payments = self.shop.payments()
        running = Counter(payment.invoice for payment in payments if payment.in_progress)
        assert all(number == 1 for number in running.values())
        waiting = {payment.invoice for payment in payments if payment.state == "waiting"}
        assert not waiting & {invoice.id for invoice in self.shop.invoices() if invoice.closed}

    def follow(self) -> None:
        """Tell the courses what was said since."""
        for event, command in list(zip(self.shop.said, self.shop.causes, strict=True))[self.followed :]:
            if isinstance(event, SubscriptionStarted):
                self.courses[event.originator_id] = Course(event)
            if event.originator_id in self.courses:
                self.courses[event.originator_id].follow(event, command.id, command.at or event.timestamp)
        self.followed = len(self.shop.said)

    @invariant()
    def every_subscription_takes_its_course(self) -> None:
        """By the table, every period billed once and none left out, access as the state says."""
        self.follow()
        for id, course in self.courses.items():
            subscription = self.shop.get(Subscription, id)
            # What is due at a test clock's very time waits for its next advance.
            inclusive = timedelta(0) if subscription.customer == self.on_clock else timedelta.resolution
            course.check(subscription, self.now(subscription.customer) + inclusive)

    @invariant()
    def every_bill_is_an_invoice(self) -> None:
        self.follow()
        found = {
            invoice.id: (line.period_start, line.period_end, line.amount)
            for invoice in self.shop.invoices()
            for line in invoice.lines
        }
        billed = [bill for course in self.courses.values() for bill in course.billed]
        assert found == dict(billed)
        assert len(found) == len(billed)

    @invariant()
    def states_follow_what_is_owed(self) -> None:
        for subscription in self.subscriptions():
            owed = [
                invoice for invoice in self.shop.invoices() if subscription.id in invoice.subscriptions and not invoice.closed
            ]
            payments = [payment for payment in self.shop.payments() if payment.subscription == subscription.id]
            if subscription.state == "active":
                first_tries = {payment.invoice for payment in payments if payment.in_progress and payment.attempts == 1}
                assert {invoice.id for invoice in owed} <= first_tries
            if subscription.state in ("grace", "suspended"):
                assert owed
            if subscription.state == "suspended":
                assert not any(payment.state == "waiting" for payment in payments)
            if subscription.state == "grace" and not any(payment.in_progress for payment in payments):
                assert {invoice.id for invoice in owed} <= {payment.invoice for payment in payments if payment.open}

    @invariant()
    def time_never_goes_back(self) -> None:
        for customer in self.customers:
            told = zip(self.shop.said, self.shop.causes, strict=True)
            times = [event.timestamp for event, command in told if command.customer == customer]
            assert times == sorted(times)

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        fresh = Shard(self.shop.streams, self.shop.catalog, self.shop.vault, SECRET)
        for key in (f"{TENANT}/{customer}" for customer in self.customers):
            assert self.shop.shard.timer(key) == fresh.timer(key)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(stateful_step_count=40)
