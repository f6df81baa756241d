"""Credit notes: parts of lines are given up, of what is open first, and never more than was billed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commands.invoice.correct import IssueCreditNote
from domain.errors import RuleViolated
from domain.invoice.aggregate import Invoice
from tests.unit.commands.desk import Desk
from tests.unit.commands.world import at, declines


def test_what_is_open_is_reduced_first() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    noted = desk.note(desk.newest(), line_1=600)
    assert (noted.open, noted.state, desk.credit) == (2500, "open", 0)
    (note,) = noted.credit_notes
    assert (note.number, note.amount, note.to_account) == (f"{noted.number}-C1", 600, 0)


def test_a_retry_asks_for_what_it_left() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    desk.note(desk.newest(), line_1=600)
    desk.until(at("2026-01-02"))
    attempt = desk.payments()[0].attempt
    assert attempt is not None
    assert attempt.amount.amount == 2500


def test_what_was_paid_goes_to_the_account() -> None:
    desk = Desk()
    desk.sell(desk.ada, "basic")
    noted = desk.note(desk.newest(), line_1=600)
    assert (noted.open, noted.state, desk.credit) == (0, "paid", 600)
    desk.until(at("2026-02-01"))
    assert (desk.newest().credit_applied, desk.credit) == (600, 0)


def test_paid_in_part_it_goes_both_ways() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    desk.record(desk.newest().id, 2000)
    noted = desk.note(desk.newest(), line_1=1500)
    assert (noted.open, noted.state, noted.to_account, desk.credit) == (0, "paid", 400, 400)


def test_one_for_all_of_it_ends_the_retries_and_heals() -> None:
    desk = Desk(declines)
    desk.sell(desk.ada, "basic")
    noted = desk.note(desk.newest(), line_1=3100)
    assert (noted.state, desk.payments()[0].state, desk.subscription().state) == ("paid", "abandoned", "active")


def test_never_more_than_the_line_has_left() -> None:
    desk = Desk()
    desk.sell(desk.ada, "basic")
    desk.note(desk.newest(), line_1=3000)
    with pytest.raises(RuleViolated, match="more_than_billed: Line 1 has 100 left") as refused:
        desk.note(desk.newest(), line_1=101)
    assert refused.value.pointer == "/lines/0/amount"


@pytest.mark.parametrize("lines", [{"line_2": 1}, {"line_1": 3100, "line_9": 1}])
def test_of_no_line_that_is_not_there(lines: dict[str, int]) -> None:
    desk = Desk()
    desk.sell(desk.ada, "basic")
    with pytest.raises(RuleViolated, match="more_than_billed"):
        desk.note(desk.newest(), **lines)


def test_a_lines_number_has_a_bound() -> None:
    body = {"lines": [{"line": 2**64, "amount": 1}], "reason": "Outage"}
    with pytest.raises(ValidationError, match="less_than_equal"):
        IssueCreditNote.model_validate(body)


def test_what_a_change_gave_back_since_is_not_given_up_as_well() -> None:
    desk = Desk()
    subscription = desk.sell(desk.ada, "basic")
    billed = desk.newest()
    desk.until(at("2026-01-11"))
    desk.end(subscription, at="now", credit=True)
    assert desk.credit == 2100
    with pytest.raises(RuleViolated, match="Line 1 has 1000 left") as refused:
        desk.note(billed, line_1=1001)
    assert refused.value.pointer == "/lines/0/amount"
    desk.note(billed, line_1=1000)
    assert desk.credit == 3100


def test_what_was_given_up_a_change_does_not_give_back_again() -> None:
    desk = Desk()
    subscription = desk.sell(desk.ada, "basic")
    desk.note(desk.newest(), line_1=2000)
    desk.until(at("2026-01-11"))
    desk.end(subscription, at="now", credit=True)
    assert desk.credit == 3100


@given(day=st.integers(1, 31), noted=st.integers(1, 2790), after=st.integers(1, 2790))
def test_with_a_discount_no_more_comes_back_than_was_billed(day: int, noted: int, after: int) -> None:
    desk = Desk()
    desk.coupon("tenth", percent="10")
    subscription = desk.sell(desk.ada, "basic", coupons=("tenth",))
    billed = desk.newest()
    assert billed.total == 2790
    desk.note(billed, line_1=noted)
    desk.until(at(f"2026-01-{day:02d}"))
    desk.end(subscription, at="now", credit=True)
    assert noted <= desk.credit <= 2790
    left = 2790 - desk.credit
    if after > left:
        with pytest.raises(RuleViolated, match="more_than_billed"):
            desk.note(billed, line_1=after)
    else:
        assert sum(desk.note(billed, line_1=after).noted) == noted + after
    assert desk.credit <= 2790
    assert desk.get(Invoice, billed.id).state == "paid"
