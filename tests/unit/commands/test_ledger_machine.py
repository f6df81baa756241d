"""Any interleaving of commands, timers, outcomes and restarts keeps what must always hold of a customer's books."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from commands.ports import Captured, Declined, Unknown
from commands.shard import Shard
from commands.subscription.cancel import CancelSubscription, cancel
from domain.errors import Refusal
from domain.event import Event
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.subscription import events, periods
from domain.subscription.aggregate import Subscription
from domain.subscription.events import SubscriptionPeriodBilled, SubscriptionReinstated, SubscriptionSuspended
from tests.unit.commands.shop import Shop
from tests.unit.commands.world import SECRET, silent

PRICES = ["weekly", "monthly", "free", "trial", "term"]
HOURS = st.sampled_from([0, 1, 12, 24, 48, 24 * 7, 24 * 20])


class LedgerMachine(RuleBasedStateMachine):
    """One customer, whose charges get their outcomes in any order and at any time."""

    @initialize()
    def open_shop(self) -> None:
        self.shop = Shop(provider=silent)
        self.shop.price("weekly", 300, "week")
        self.shop.price("monthly", 1000)
        self.shop.price("free", 0, "week")
        self.shop.price("trial", 700, "week", trial_days=3)
        self.shop.price("term", 500, "week", term_periods=3)
        self.customer = self.shop.register()
        self.captured = 0
        self.recorded = 0

    def settle_now(self) -> None:
        """What a command made due at this very instant goes on at once."""
        self.shop.until(self.shop.now)

    @rule(price=st.sampled_from(PRICES), back=st.sampled_from([0, 0, 10, 40]))
    def start(self, price: str, back: int) -> None:
        if len(self.shop.streams.all(Subscription)) < 3:
            start_at = self.shop.now - timedelta(days=back)
            self.shop.sell(self.customer, price, start_at=start_at, may_backdate=True)
            self.settle_now()

    @rule(hours=HOURS)
    def pass_time(self, hours: int) -> None:
        self.shop.until(self.shop.now + timedelta(hours=hours))

    @precondition(lambda self: any(payment.in_progress for payment in self.shop.payments()))
    @rule(which=st.integers(0, 20), kind=st.sampled_from(["captured", "declined", "declined", "unknown"]))
    def hear_from_the_provider(self, which: int, kind: str) -> None:
        waiting = [payment for payment in self.shop.payments() if payment.in_progress]
        payment = waiting[which % len(waiting)]
        assert payment.attempt is not None
        amount = payment.attempt.amount.amount
        match kind:
            case "captured":
                self.captured += amount
                self.shop.outcome(payment, Captured("ref", amount))
            case "declined":
                self.shop.outcome(payment, Declined("no"))
            case _:
                self.shop.outcome(payment, Unknown())
        self.settle_now()

    @precondition(lambda self: self.shop.streams.all(Subscription))
    @rule(which=st.integers(0, 20), at=st.sampled_from(["now", "period_end"]))
    def cancel(self, which: int, at: str) -> None:
        subscriptions = self.shop.streams.all(Subscription)
        subscription = subscriptions[which % len(subscriptions)]
        body = CancelSubscription.model_validate({"at": at})
        try:
            self.shop.client(lambda unit: cancel(unit, subscription.id, body), self.customer)
        except Refusal:
            assert subscription.ended or subscription.ends_at is not None
        self.settle_now()

    @precondition(lambda self: self.shop.invoices())
    @rule(which=st.integers(0, 20), amount=st.sampled_from([None, 1, 250, 5000]))
    def pay(self, which: int, amount: int | None) -> None:
        invoices = self.shop.invoices()
        invoice = invoices[which % len(invoices)]
        try:
            if amount is None:
                self.shop.charge(invoice.id)
            else:
                self.shop.record(invoice.id, amount)
                self.recorded += amount
        except Refusal:
            assert invoice.paid or self._in_progress(invoice)
        self.settle_now()

    @rule(token=st.sampled_from(["sim_ok", None]))
    def change_card(self, token: str | None) -> None:
        self.shop.use_card(self.customer, token)

    @rule()
    def restart(self) -> None:
        self.shop.shard = Shard(self.shop.streams, self.shop.catalog, self.shop.vault, SECRET)

    def _in_progress(self, invoice: Invoice) -> list[Payment]:
        return [payment for payment in self.shop.payments() if payment.invoice == invoice.id and payment.in_progress]

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        invoices, payments = self.shop.invoices(), self.shop.payments()
        applied = sum(amount for invoice in invoices for _, amount, _ in invoice.applied)
        assert applied + sum(invoice.open for invoice in invoices) == sum(invoice.total for invoice in invoices)
        assert applied == sum(payment.applied for payment in payments)
        surplus = sum(payment.surplus for payment in payments)
        assert applied + surplus == self.captured + self.recorded

    @invariant()
    def one_attempt_at_a_time(self) -> None:
        for invoice in self.shop.invoices():
            assert len(self._in_progress(invoice)) <= 1

    @invariant()
    def nothing_is_asked_for_that_is_paid(self) -> None:
        waiting = {payment.invoice for payment in self.shop.payments() if payment.state == "waiting"}
        assert not waiting & {invoice.id for invoice in self.shop.invoices() if invoice.paid}

    @invariant()
    def every_period_is_billed_once_and_none_is_left_out(self) -> None:
        for subscription in self.shop.streams.all(Subscription):
            said = [event for event in self.shop.said if event.originator_id == subscription.id]
            billed = [event.period.index for event in said if isinstance(event, SubscriptionPeriodBilled)]
            assert billed == sorted(set(billed))
            invoiced = [invoice for invoice in self.shop.invoices() if invoice.subscription == subscription.id]
            assert len(invoiced) == len(billed)
            self._check_left_out(subscription, said, set(billed))

    def _check_left_out(self, subscription: Subscription, said: list[Event], billed: set[int]) -> None:
        end = min([at for at in (subscription.ended_at, subscription.ends_at, self.shop.now) if at is not None])
        for index in count():
            period = periods.period(subscription.anchor, subscription.timezone, subscription.terms.interval, index)
            if period.start >= end:
                return
            assert (period.index in billed) != self._suspended_at_start(said, period), period

    @staticmethod
    def _suspended_at_start(said: list[Event], period: events.Period) -> bool:
        """Whether no bill was made because the subscription was suspended when the period began."""
        suspended = False
        for event in said:
            if isinstance(event, SubscriptionPeriodBilled) and event.period.index == period.index:
                return False
            if event.timestamp > period.start:
                break
            if isinstance(event, SubscriptionSuspended):
                suspended = True
            if isinstance(event, SubscriptionReinstated):
                suspended = event.next_index > period.index
        return suspended

    @invariant()
    def states_follow_what_is_owed(self) -> None:
        for subscription in self.shop.streams.all(Subscription):
            owed = [invoice for invoice in self.shop.invoices() if invoice.subscription == subscription.id and not invoice.paid]
            payments = [payment for payment in self.shop.payments() if payment.subscription == subscription.id]
            in_progress = any(payment.in_progress for payment in payments)
            if subscription.state in ("grace", "suspended"):
                assert owed
            if subscription.state == "suspended":
                assert not subscription.access
                assert not any(payment.state == "waiting" for payment in payments)
            if subscription.state == "grace" and not in_progress:
                assert {invoice.id for invoice in owed} <= {payment.invoice for payment in payments if payment.open}
            if subscription.ended:
                assert not subscription.grants_access(self.shop.now)
            if subscription.state in ("trial", "active"):
                assert subscription.access

    @invariant()
    def memory_is_what_is_stored(self) -> None:
        key = f"acme/{self.customer}"
        fresh = Shard(self.shop.streams, self.shop.catalog, self.shop.vault, SECRET)
        assert self.shop.shard.timer(key) == fresh.timer(key)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
