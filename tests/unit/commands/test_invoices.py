"""An invoice's states: made by billing or by hand, a draft first, due later, voided, written off; and money whenever it comes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from commands.ports import Captured
from commands.subscription.discounts import ApplyCoupon, apply_coupon
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated, WrongState
from domain.invoice.aggregate import MAY, Invoice
from domain.money import MAX_AMOUNT
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from tests.unit.commands.desk import Desk
from tests.unit.commands.world import Provider, at, captures, declines, silent


class TestDrafts:
    def test_what_is_billed_is_a_draft_for_some_days_and_is_charged_once_it_is_issued(self) -> None:
        desk = Desk(billing={"draft_days": 3})
        desk.sell(desk.ada, "basic")
        draft = desk.newest()
        assert (draft.state, draft.number, draft.open, draft.finalizes_at) == ("draft", None, 0, at("2026-01-04"))
        assert desk.payments() == []

        said = desk.until(at("2026-01-04"))

        assert said[:2] == ["invoice.finalized", "payment.requested"]
        issued = desk.newest()
        assert (issued.state, issued.issued_at, issued.total) == ("paid", at("2026-01-04"), 3100)

    def test_finalized_by_hand_it_does_not_wait(self) -> None:
        desk = Desk(billing={"draft_days": 3})
        desk.sell(desk.ada, "basic")
        assert desk.finalize(desk.newest()).state == "paid"
        assert desk.until(at("2026-01-10")) == []
        with pytest.raises(WrongState, match="invoice_paid"):
            desk.finalize(desk.newest())

    def test_it_gets_more_lines_until_then(self) -> None:
        desk = Desk()
        draft = desk.add(desk.invoice(4900, draft=True), 900, -300)
        assert (draft.state, draft.total, [line.kind for line in draft.lines]) == (
            "draft",
            5500,
            ["one_off", "one_off", "credit"],
        )
        issued = desk.finalize(draft)
        assert (issued.state, issued.total, [amount for _, amount, _ in issued.applied]) == ("paid", 5500, [5500])
        with pytest.raises(WrongState, match="invoice_paid"):
            desk.add(issued, 100)

    def test_it_uses_the_credit_that_is_there_when_it_is_issued(self) -> None:
        desk = Desk()
        draft = desk.invoice(4900, draft=True)
        desk.invoice(-1000)
        assert (desk.credit, draft.credit_applied) == (1000, 0)
        assert (desk.finalize(draft).credit_applied, desk.credit) == (1000, 0)

    def test_a_draft_of_what_was_given_back_credits_the_account_only_once_it_is_issued(self) -> None:
        desk = Desk(billing={"draft_days": 1})
        subscription = desk.sell(desk.ada, "basic")
        desk.until(at("2026-01-11"))
        desk.end(subscription, at="now", credit=True)
        assert (desk.newest().state, desk.newest().total, desk.credit) == ("draft", -2100, 0)
        desk.until(at("2026-01-12"))
        assert (desk.newest().state, desk.credit) == ("paid", 2100)

    def test_voided_it_is_gone(self) -> None:
        desk = Desk(billing={"draft_days": 3})
        desk.sell(desk.ada, "basic")
        desk.void(desk.newest())
        assert "invoice.finalized" not in desk.until(at("2026-01-20"))


class TestByHand:
    def test_it_is_charged_at_once(self) -> None:
        invoice = (desk := Desk()).invoice(4900, 100)
        assert (invoice.total, desk.newest().state, desk.payments()[0].subscription) == (5000, "paid", None)

    def test_what_is_less_than_nothing_goes_to_the_account(self) -> None:
        desk = Desk()
        invoice = desk.invoice(500, -2000)
        assert (invoice.total, invoice.credited, invoice.open, invoice.state, desk.credit) == (-1500, 1500, 0, "paid", 1500)

    @pytest.mark.parametrize("amounts", [(MAX_AMOUNT, 1), (-MAX_AMOUNT, -1)])
    def test_it_has_its_limits(self, amounts: tuple[int, ...]) -> None:
        desk = Desk()
        with pytest.raises(RuleViolated, match="amount_too_large"):
            desk.invoice(*amounts)
        draft = desk.invoice(amounts[0], draft=True)
        with pytest.raises(RuleViolated, match="amount_too_large") as refused:
            desk.add(draft, *amounts[1:])
        assert refused.value.pointer == "/lines"

    def test_unpaid_it_stays_open_when_its_retries_are_used_up(self) -> None:
        desk = Desk(declines)
        invoice = desk.invoice(4900)
        desk.until(at("2026-03-01"))
        assert (desk.get(Invoice, invoice.id).state, desk.payments()[0].state) == ("open", "failed")


class TestTerms:
    def test_it_is_charged_when_it_falls_due(self) -> None:
        desk = Desk(billing={"payment_terms_days": 14})
        desk.sell(desk.ada, "basic")
        assert (desk.newest().state, desk.newest().due_at) == ("open", at("2026-01-15"))
        assert desk.until(at("2026-01-14")) == []
        desk.until(at("2026-01-15"))
        assert desk.newest().state == "paid"

    def test_paid_before_it_is_due_it_is_not_charged(self) -> None:
        desk = Desk(billing={"payment_terms_days": 14})
        desk.sell(desk.ada, "basic")
        desk.record(desk.newest().id, 3100)
        assert desk.payments()[0].state == "abandoned"
        assert desk.until(at("2026-01-20")) == []

    def test_a_new_card_does_not_make_it_due(self) -> None:
        desk = Desk(billing={"payment_terms_days": 14})
        desk.sell(desk.ada, "basic")
        desk.use_card(desk.ada, "sim_ok")
        assert desk.newest().state == "open"


class TestAccountCredit:
    def test_the_oldest_is_used_first(self) -> None:
        desk = Desk()
        old, new = desk.invoice(-300), desk.invoice(-500)
        desk.invoice(400)
        assert [(source, left.amount) for source, left in desk.get(Customer, desk.ada).credits] == [(new.id, 400)]
        desk.invoice(1000)
        assert desk.get(Customer, desk.ada).credits == ()
        assert [amount for _, amount, _ in desk.newest().applied] == [600]
        assert old.credited == 300

    def test_of_another_currency_it_stays(self) -> None:
        desk = Desk()
        desk.invoice(-300)
        invoice = desk.invoice(400, currency="USD")
        assert (invoice.credit_applied, desk.credit) == (0, 300)

    def test_an_invoice_that_it_pays_is_not_charged(self) -> None:
        desk = Desk()
        desk.invoice(-5000)
        desk.sell(desk.ada, "basic")
        assert (desk.newest().state, desk.credit, desk.payments()) == ("paid", 1900, [])


def test_a_coupon_that_comes_the_instant_a_period_begins_counts_for_it_at_once() -> None:
    desk = Desk()
    desk.coupon("tenth", percent="10")
    subscription = desk.sell(desk.ada, "basic")
    body = ApplyCoupon(coupon="tenth")
    desk.client(lambda unit: apply_coupon(unit, subscription.id, body), desk.ada)
    assert (desk.newest().total, desk.credit) == (-310, 310)


class TestVoid:
    def test_it_is_owed_no_more_and_nothing_is_retried(self) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        voided = desk.void(desk.newest())
        assert (voided.state, voided.open, desk.payments()[0].state) == ("void", 0, "abandoned")
        assert desk.subscription().state == "active"
        assert desk.until(at("2026-01-31")) == []

    def test_the_credit_that_it_used_comes_back(self) -> None:
        desk = Desk(declines)
        desk.invoice(-1000)
        desk.sell(desk.ada, "basic")
        assert desk.credit == 0
        desk.void(desk.newest())
        assert desk.credit == 1000

    def test_billed_anew_the_period_stands_on_one_invoice_that_counts(self) -> None:
        desk = Desk(declines)
        subscription = desk.sell(desk.ada, "basic")
        wrong = desk.newest()
        desk.void(wrong, rebill=True)
        assert (desk.newest().id != wrong.id, desk.newest().total, desk.newest().state) == (True, 3100, "open")
        assert [line.amount for line in desk.get(Subscription, subscription.id).posted_on(desk.newest().id)] == [3100]
        desk.record(desk.newest().id, 3100)
        desk.until(at("2026-02-01"))
        assert [invoice.total for invoice in desk.invoices()] == [3100, 3100, 3100]

    def test_billed_anew_it_is_by_what_holds_now(self) -> None:
        desk = Desk(declines)
        subscription = desk.sell(desk.ada, "basic")
        desk.change(subscription, price="plus", at="2026-01-01T00:00:00Z")
        desk.void(desk.invoices()[0], rebill=True)
        live = [invoice for invoice in desk.invoices() if invoice.state != "void"]
        assert sum(invoice.total for invoice in live) == 6200

    def test_not_billed_anew_nothing_of_it_is_given_back_later(self) -> None:
        desk = Desk(declines)
        subscription = desk.sell(desk.ada, "basic")
        desk.void(desk.newest())
        desk.until(at("2026-01-11"))
        desk.end(subscription, at="now", credit=True)
        assert (len(desk.invoices()), desk.credit) == (1, 0)

    def test_what_was_given_back_of_it_is_not_left_as_credit(self) -> None:
        desk = Desk(declines)
        subscription = desk.sell(desk.ada, "basic")
        desk.until(at("2026-01-04"))
        desk.end(subscription, at="now", credit=True)
        unpaid = desk.invoices()[0]
        with pytest.raises(RuleViolated, match="rebill_needed") as refused:
            desk.void(unpaid)
        assert refused.value.pointer == "/rebill"
        desk.void(unpaid, rebill=True)
        owed = sum(invoice.open for invoice in desk.invoices())
        assert (desk.credit, owed) == (0, 300)

    def test_what_it_gave_back_is_not_billed_again(self) -> None:
        desk = Desk()
        subscription = desk.sell(desk.ada, "basic")
        desk.provider = declines
        desk.until(at("2026-01-11"))
        desk.change(subscription, price="plus")
        with pytest.raises(RuleViolated, match="rebill_needed"):
            desk.void(desk.newest())
        desk.change(subscription, price="basic")
        wrong = next(invoice for invoice in desk.invoices() if invoice.state == "open")
        desk.void(wrong, rebill=True)
        live = [invoice for invoice in desk.invoices() if invoice.state != "void"]
        assert sum(invoice.total for invoice in live) == 3100

    def test_of_a_suspended_one_it_is_billed_anew_once_all_is_paid(self) -> None:
        desk = Desk()
        desk.price("yearly", 36500, unit="year")
        desk.provider = declines
        subscription = desk.sell(desk.ada, "yearly")
        desk.change(subscription, quantity=2)
        desk.until(at("2026-01-20"))
        assert desk.subscription().state == "suspended"
        wrong, other = sorted((each for each in desk.invoices() if each.state == "open"), key=lambda each: each.ordinal)
        with suppress(RuleViolated):
            desk.void(wrong, rebill=True)
        desk.record(other.id, other.open)
        desk.until(at("2026-01-21"))
        live = [invoice for invoice in desk.invoices() if invoice.state != "void"]
        assert sum(invoice.total for invoice in live) == 73000

    def test_the_first_charge_is_the_first_one_that_was_made(self) -> None:
        desk = Desk(declines)
        subscription = desk.sell(desk.ada, "basic")
        first = desk.newest()
        desk.provider = captures
        desk.change(subscription, quantity=2)
        desk.void(first, rebill=True)
        assert desk.subscription().first_charge == first.id

    def test_the_next_charge_is_the_first_again(self) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        assert not desk.subscription().access
        desk.void(desk.newest(), rebill=True)
        assert (desk.subscription().state, desk.subscription().access) == ("grace", False)

    def test_of_several_subscriptions_all_stand_on_one_invoice_again(self) -> None:
        desk = Desk()
        desk.bill_together(1)
        for _ in range(3):
            desk.sell(desk.ada, "basic")
        desk.provider = declines
        desk.until(at("2026-02-01"))
        wrong = desk.newest()
        desk.void(wrong, rebill=True)
        again = desk.newest()
        assert (again.subscriptions, again.lines, again.id != wrong.id) == (wrong.subscriptions, wrong.lines, True)

    @pytest.mark.parametrize(
        "settle", [lambda desk: desk.record(desk.newest().id, 100), lambda desk: desk.note(desk.newest(), line_1=100)]
    )
    def test_not_once_something_was_paid_or_given(self, settle: Callable[[Desk], object]) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        settle(desk)
        with pytest.raises(WrongState, match="invoice_settled") as refused:
            desk.void(desk.newest())
        assert refused.value.allowed == ("charge", "issue_credit_note", "record_payment", "write_off")

    @pytest.mark.parametrize("correct", [Desk.void, Desk.write_off])
    def test_not_while_a_charge_is_under_way(self, correct: Callable[[Desk, Invoice], Invoice]) -> None:
        desk = Desk(silent)
        desk.sell(desk.ada, "basic")
        with pytest.raises(WrongState, match="payment_in_progress"):
            correct(desk, desk.newest())

    def test_it_is_billed_anew_in_the_currency_in_which_it_was_sold(self) -> None:
        desk = Desk()
        desk.price("dollars", 3300, currency="USD")
        desk.invoice(-3100)
        subscription = desk.sell(desk.ada, "basic")
        unpaid = desk.newest()
        desk.change(subscription, price="dollars", at="period_end")
        desk.until(at("2026-02-01"))
        assert desk.newest().currency == "USD"
        desk.void(unpaid, rebill=True)
        assert (desk.newest().currency, desk.newest().total) == ("EUR", 3100)

    def test_what_was_given_up_with_its_discounts_is_not_given_back_by_a_change(self) -> None:
        desk = Desk()
        desk.coupon("tenth", percent="10")
        desk.provider = declines
        subscription = desk.sell(desk.ada, "basic", coupons=["tenth"])
        desk.void(desk.newest())
        desk.until(at("2026-01-11"))
        desk.change(subscription, price="plus")
        assert desk.newest().total == 4200 - 420


class TestWrittenOff:
    def test_nothing_is_open_and_nothing_retried(self) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        invoice = desk.write_off(desk.newest())
        assert (invoice.state, invoice.open, invoice.written_off) == ("uncollectible", 0, 3100)
        assert desk.payments()[0].state == "abandoned"

    def test_what_is_paid_after_all_counts(self) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        invoice = desk.write_off(desk.newest())
        desk.record(invoice.id, 1000)
        part = desk.get(Invoice, invoice.id)
        assert (part.state, part.written_off, part.open, desk.credit) == ("uncollectible", 2100, 0, 0)
        desk.record(invoice.id, 2500)
        paid = desk.get(Invoice, invoice.id)
        assert (paid.state, paid.written_off, paid.paid_at, desk.credit) == ("paid", 0, desk.now, 400)


class TestMoneyThatComesTooLate:
    def test_on_a_void_invoice_it_goes_to_the_account(self) -> None:
        desk = Desk(declines)
        desk.sell(desk.ada, "basic")
        invoice = desk.void(desk.newest())
        payment = desk.record(invoice.id, 3100)
        assert (payment.applied, payment.surplus, desk.credit) == (0, 3100, 3100)
        assert desk.get(Invoice, invoice.id).state == "void"

    def test_paid_twice_it_goes_to_the_account(self) -> None:
        desk = Desk()
        desk.sell(desk.ada, "basic")
        desk.record(desk.newest().id, 3100)
        assert desk.credit == 3100

    def test_captured_after_dunning_has_given_up_it_pays_what_was_written_off(self) -> None:
        desk = Desk(dunning={"give_up_after_days": 10, "give_up_by": "write_off"})
        desk.sell(desk.ada, "basic")
        desk.provider = declines
        desk.until(at("2026-02-05"))
        assert desk.subscription().state == "suspended"
        desk.until(at("2026-02-14T23:00"))
        desk.provider = silent
        running = desk.charge(desk.newest().id)
        desk.until(at("2026-02-15"))
        assert (desk.subscription().state, desk.newest().state) == ("cancelled", "uncollectible")
        desk.outcome(running, Captured("ref", 3100))
        assert (desk.newest().state, desk.newest().written_off, desk.credit) == ("paid", 0, 0)


@pytest.mark.parametrize("verb", ["add_lines", "finalize", "issue_credit_note", "void", "write_off", "charge", "record_payment"])
@pytest.mark.parametrize("state", ["draft", "open", "paid", "uncollectible", "void"])
def test_each_thing_is_done_in_its_states_and_refused_in_all_others_with_what_is_allowed(verb: str, state: str) -> None:
    desk = Desk(declines)
    if state == "paid":
        desk.invoice(-500)
    invoice = desk.invoice(500, draft=state == "draft")
    {"uncollectible": desk.write_off, "void": desk.void}.get(state, lambda same: same)(invoice)
    do: dict[str, Callable[[], object]] = {
        "add_lines": lambda: desk.add(invoice, 100),
        "finalize": lambda: desk.finalize(invoice),
        "issue_credit_note": lambda: desk.note(invoice, line_1=1),
        "void": lambda: desk.void(invoice),
        "write_off": lambda: desk.write_off(invoice),
        "charge": lambda: desk.charge(invoice.id),
        "record_payment": lambda: desk.record(invoice.id, 100),
    }
    assert desk.get(Invoice, invoice.id).state == state
    if state in MAY[verb]:
        do[verb]()
        return
    with pytest.raises(WrongState, match=f"invoice_{state}") as wrong:
        do[verb]()
    assert wrong.value.allowed == tuple(sorted(each for each in MAY if state in MAY[each]))


class TestTogether:
    """All that a customer has on one invoice, at local midnight of a day."""

    def sold(self, *prices: str, provider: Provider | None = None) -> Desk:
        desk = Desk()
        desk.bill_together(1)
        for number, price in enumerate(prices):
            desk.until(at("2026-01-01") + timedelta(days=number))
            desk.sell(desk.ada, price)
        desk.provider = provider or desk.provider
        return desk

    def test_what_was_sold_on_different_days_falls_due_on_one(self) -> None:
        desk = self.sold("basic", "plus", "basic")
        before = len(desk.invoices())
        desk.until(at("2026-02-01"))
        assert [invoice.total for invoice in desk.invoices()[before:]] == [12400]
        assert len(desk.newest().subscriptions) == 3
        assert desk.payments()[-1].amount.amount == 12400

    def test_each_currency_has_its_own(self) -> None:
        desk = Desk()
        desk.price("dollars", 3300, currency="USD")
        desk.bill_together(1)
        for price in ("basic", "dollars", "basic", "dollars"):
            desk.sell(desk.ada, price)
        before = len(desk.invoices())
        desk.until(at("2026-02-01"))
        assert {(invoice.currency, invoice.total) for invoice in desk.invoices()[before:]} == {("EUR", 6200), ("USD", 6600)}

    def test_what_was_cancelled_is_not_on_it(self) -> None:
        desk = self.sold("basic", "plus")
        desk.end(desk.streams.all(Subscription)[0], at="period_end")
        desk.until(at("2026-02-01"))
        assert [line.amount for line in desk.newest().lines] == [6200]

    def test_more_than_fit_one_stand_on_several(self) -> None:
        desk = Desk()
        desk.bill_together(1)
        for _ in range(203):
            desk.sell(desk.ada, "basic")
        before = len(desk.invoices())
        desk.until(at("2026-02-01"))
        assert [len(invoice.lines) for invoice in desk.invoices()[before:]] == [200, 3]
        assert all(len(each.posted) == 2 for each in desk.streams.all(Subscription))

    def test_unpaid_all_of_them_are_suspended_and_all_come_back(self) -> None:
        desk = self.sold("basic", "plus", provider=declines)
        desk.until(at("2026-02-05"))
        assert [each.state for each in desk.streams.all(Subscription)] == ["suspended", "suspended"]
        desk.until(at("2026-03-15"))
        assert len(desk.newest().lines) == 2, "nothing is billed while suspended"
        desk.record(desk.newest().id, 9300)
        assert [each.state for each in desk.streams.all(Subscription)] == ["active", "active"]

    def test_what_one_of_them_owes_alone_does_not_stop_the_retries_of_what_they_share(self) -> None:
        desk = self.sold("basic", "plus")
        one, other = desk.streams.all(Subscription)
        desk.until(at("2026-01-30"))
        desk.provider = declines
        desk.change(one, quantity="2")
        desk.until(at("2026-02-03"))
        assert [each.state for each in desk.streams.all(Subscription)] == ["suspended", "grace"]
        shared = desk.newest()
        assert [payment.state for payment in desk.payments() if payment.invoice == shared.id] == ["waiting"]
        desk.provider = lambda payment: Captured("ref", payment.amount.amount)
        desk.until(at("2026-02-10"))
        assert (desk.get(Invoice, shared.id).state, desk.get(Subscription, other.id).state) == ("paid", "active")
        assert desk.get(Subscription, one.id).state == "suspended"

    def test_given_up_one_after_the_other_nothing_is_forgiven_to_who_goes_on(self) -> None:
        desk = Desk(dunning={"give_up_after_days": 10, "give_up_by": "write_off"})
        desk.bill_together(1)
        desk.sell(desk.ada, "basic")
        desk.sell(desk.ada, "plus")
        desk.provider = declines
        desk.until(at("2026-02-15"))
        assert [each.state for each in desk.streams.all(Subscription)] == ["cancelled", "cancelled"]
        assert (desk.newest().state, desk.newest().written_off) == ("uncollectible", 9300)
        assert "subscription.reinstated" not in desk.topics()


def test_money_is_neither_made_nor_lost_on_the_way() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    first = desk.newest()
    desk.note(first, line_1=600)
    desk.record(first.id, 3000)
    desk.note(first, line_1=400)
    desk.invoice(200)
    came = sum(payment.applied + payment.surplus for payment in desk.streams.all(Payment))
    noted = sum(sum(invoice.noted) for invoice in desk.invoices())
    assert desk.credit == came + noted - sum(invoice.total - invoice.open for invoice in desk.invoices())
