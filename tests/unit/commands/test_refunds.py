"""Money that is paid back: out of what the account has, with the credit note that gives it in the same append."""

from __future__ import annotations

from typing import Any

import pytest

from commands.payment.refund import RefundPayment
from domain.errors import RuleViolated, WrongState
from domain.payment.aggregate import Payment
from tests.unit.commands.books import check_books
from tests.unit.commands.desk import Desk
from tests.unit.commands.world import declines


def paid(**sold: Any) -> tuple[Desk, Payment]:
    desk = Desk()
    desk.sell(desk.ada, "basic", **sold)
    (payment,) = desk.payments()
    return desk, payment


def test_lines_are_given_up_and_paid_back_in_one_append() -> None:
    desk, payment = paid()
    before = len(desk.said)
    assert desk.refund(payment, 600, line_1=600).refunded == 600
    assert desk.topics(before) == [
        "payment.refunded", "invoice.credit_noted", "customer.credited", "subscription.line_waived", "customer.credit_refunded",
    ]  # fmt: skip
    assert (desk.credit, desk.newest().state, desk.newest().noted) == (0, "paid", (600,))
    check_books(desk)


def test_without_lines_the_accounts_credit_is_paid_out() -> None:
    desk, payment = paid()
    surplus = desk.record(desk.newest().id, 400)
    assert desk.refund(surplus, 300).refunded == 300
    assert desk.credit == 100
    desk.note(desk.newest(), line_1=100)
    assert desk.refund(payment, 200).refunded == 200
    check_books(desk)


def test_more_than_the_account_has_is_not_paid_back_and_nothing_is_given_up() -> None:
    desk, payment = paid()
    with pytest.raises(RuleViolated, match="more_than_credit") as refused:
        desk.refund(payment, 600, line_1=599)
    assert refused.value.pointer == "/amount/amount"
    assert (desk.newest().noted, desk.credit) == ((0,), 0)


@pytest.mark.parametrize("amount", [0, 3101])
def test_more_than_was_paid_is_not_paid_back(amount: int) -> None:
    desk, payment = paid()
    desk.invoice(-5000)
    with pytest.raises(RuleViolated, match="more_than_paid"):
        desk.refund(payment, amount)


def test_what_was_paid_back_before_counts() -> None:
    desk, payment = paid()
    desk.refund(payment, 3000, line_1=3000)
    desk.invoice(-5000)
    with pytest.raises(RuleViolated, match="more_than_paid: Of the payment 100 are left"):
        desk.refund(payment, 101)


def test_in_its_own_currency() -> None:
    body = RefundPayment.model_validate({"amount": {"amount": 1, "currency": "USD"}, "reason": "Outage"})
    _, payment = paid()
    with pytest.raises(RuleViolated, match="other_currency"):
        payment.refund(body.amount, body.reason, body.reference, payment.modified_on)


def test_what_never_came_is_not_paid_back() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    with pytest.raises(WrongState, match="payment_waiting"):
        desk.refund(desk.payments()[0], 1)
