"""Any course of commands on subscriptions and invoices, and of time, keeps the books; what is refused has a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from commands.ports import Captured, ChargeOutcome, Declined
from domain.errors import RuleViolated, WrongState
from domain.payment.aggregate import Payment
from domain.subscription import lifecycle
from domain.subscription.aggregate import Subscription
from tests.unit.commands.books import check_books
from tests.unit.commands.deeds import ON_INVOICE, ON_SUBSCRIPTION, VERBS, do, has_reason, stock
from tests.unit.commands.desk import Desk
from tests.unit.commands.shop import DAY
from tests.unit.commands.world import Provider, captures, declines, silent

WHICH = st.integers(0, 20)
PRICES = ["basic", "plus", "yearly", "weekly", "tried", "paid-trial", "terminal", "arrears", "phased", "dollars"]
PROVIDERS: dict[str, Provider] = {"captures": captures, "declines": declines, "silent": silent}
POLICIES: list[dict[str, Any]] = [
    {},
    {"billing": {"draft_days": 2}},
    {"billing": {"payment_terms_days": 10}, "retry_after_s": [DAY]},
    {"billing": {"proration": {"by": "second"}, "suspended": "credited", "changed_trial": "anew"}},
    {"billing": {"proration": {"by": "none"}, "yearly": "anniversary"}, "retry_after_s": []},
    {"dunning": {"give_up_after_days": 9}, "billing": {"proration": {"last_day": "billed", "first_period": "free"}}},
    {"dunning": {"give_up_after_days": 9, "give_up_by": "write_off", "hard_declines": "retry"}},
]


class BillingMachine(RuleBasedStateMachine):
    @initialize(
        policy=st.sampled_from(POLICIES),
        together=st.sampled_from([None, None, 1, 31]),
        now=st.sampled_from(["2026-01-01", "2026-01-31T22:30", "2028-02-29T12:00"]),
        price=st.sampled_from(PRICES),
    )
    def open(self, policy: dict[str, Any], together: int | None, now: str, price: str) -> None:
        self.desk = Desk(self.charge, now, **policy)
        self.provider: Provider = captures
        stock(self.desk)
        if together is not None:
            self.desk.bill_together(together)
        self.sell(price, 0, [])

    def charge(self, payment: Payment) -> ChargeOutcome | None:
        return self.provider(payment)

    def subscriptions(self) -> list[Subscription]:
        return self.desk.streams.all(Subscription)

    def settle(self) -> None:
        """What a command made due at this very instant goes on at once."""
        self.desk.until(self.desk.now)

    @rule(
        price=st.sampled_from(PRICES),
        back=st.sampled_from([0, 0, 20, 100]),
        coupons=st.sampled_from([[], ["tenth"], ["off", "once"]]),
    )
    def sell(self, price: str, back: int, coupons: list[str]) -> None:
        if len(self.subscriptions()) < 3:
            in_euro = () if price == "dollars" else tuple(coupons)
            start_at = self.desk.now - timedelta(days=back)
            self.desk.sell(self.desk.ada, price, start_at=start_at, coupons=in_euro, may_backdate=True)
            self.settle()

    @rule(which=WHICH, deed=st.sampled_from(list(ON_SUBSCRIPTION)), data=st.data())
    def on_subscription(self, which: int, deed: str, data: st.DataObject) -> None:
        found = self.subscriptions()
        subscription = found[which % len(found)]
        allowed = lifecycle.allowed(subscription.state)
        refusal = do(self.desk, ON_SUBSCRIPTION[deed], subscription.id, data.draw(st.sampled_from(ON_SUBSCRIPTION[deed].bodies)))
        event(f"{subscription.state}: {deed}", "done" if refusal is None else refusal.code)
        if refusal is None:
            assert deed not in VERBS or VERBS[deed] in allowed
        else:
            assert has_reason(refusal, allowed)

    @precondition(lambda self: self.desk.invoices())
    @rule(which=WHICH, deed=st.sampled_from(list(ON_INVOICE)), data=st.data())
    def on_invoice(self, which: int, deed: str, data: st.DataObject) -> None:
        found = self.desk.invoices()[-6:]
        invoice = found[which % len(found)]
        refusal = do(self.desk, ON_INVOICE[deed], invoice.id, data.draw(st.sampled_from(ON_INVOICE[deed].bodies)))
        event(f"{invoice.state}: {deed}", "done" if refusal is None else refusal.code)
        if refusal is None:
            assert deed in invoice.allowed
        else:
            assert has_reason(refusal, invoice.allowed, invoice.allowed_meanwhile)

    @precondition(lambda self: self.desk.payments())
    @rule(which=WHICH, amount=st.sampled_from([1, 700, 3100]), line=st.booleans())
    def pay_back(self, which: int, amount: int, line: bool) -> None:
        found = self.desk.payments()[-6:]
        before = len(self.desk.said)
        try:
            self.desk.refund(found[which % len(found)], amount, **({"line_1": amount} if line else {}))
        except (RuleViolated, WrongState):
            assert len(self.desk.said) == before

    @rule(amounts=st.sampled_from([(500,), (500, 200), (-700,), (0,)]), draft=st.booleans())
    def invoice_by_hand(self, amounts: tuple[int, ...], draft: bool) -> None:
        self.desk.invoice(*amounts, draft=draft)
        self.settle()

    @rule(hours=st.sampled_from([1, 24, 24, 24 * 3, 24 * 8, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        self.desk.until(self.desk.now + timedelta(hours=hours))

    @rule(hours=st.sampled_from([24, 24 * 8, 24 * 45]))
    def nobody_serves(self, hours: int) -> None:
        self.desk.now += timedelta(hours=hours)
        self.settle()

    @rule(provider=st.sampled_from(list(PROVIDERS)))
    def the_provider_does(self, provider: str) -> None:
        self.provider = PROVIDERS[provider]

    @precondition(lambda self: any(payment.in_progress for payment in self.desk.payments()))
    @rule(captured=st.booleans(), hard=st.booleans())
    def it_answers(self, captured: bool, hard: bool) -> None:
        payment = next(payment for payment in self.desk.payments() if payment.in_progress)
        assert payment.attempt is not None
        outcome = Captured("late", payment.attempt.amount.amount) if captured else Declined("refused", hard)
        self.desk.outcome(payment, outcome)
        self.settle()

    @rule(token=st.sampled_from(["sim_ok", "sim_other", None]))
    def use_card(self, token: str | None) -> None:
        self.desk.use_card(self.desk.ada, token)
        self.settle()

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "desk"):
            check_books(self.desk)


TestBilling = BillingMachine.TestCase
TestBilling.settings = settings(stateful_step_count=30)
