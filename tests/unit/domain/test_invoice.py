"""The receivable: open + Σ applied = total, paid when nothing is open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.invoice.aggregate import Invoice
from tests.unit.domain.make import CUSTOMER, JAN_1, PAYMENT, SUBSCRIPTION, at, invoice, line
from tests.unit.domain.scenario import fold, said, taken, when


def test_issued_it_owes_the_sum_of_its_lines_at_once() -> None:
    assert said(taken(invoice(1000, 250))[0]) == (
        "invoice.issued.v2",
        {
            "tenant": "acme",
            "customer": CUSTOMER,
            "subscriptions": (SUBSCRIPTION,),
            "storefront": "web",
            "ordinal": 7,
            "number": "0A1B2C3D0A1B-0007",
            "currency": "EUR",
            "lines": (line(1000), line(250)),
            "total": 1250,
            "credit_applied": 0,
            "credited": 0,
            "open": 1250,
            "settled": False,
            "issued_at": JAN_1,
            "due_at": JAN_1,
        },
    )


def test_an_invoice_of_nothing_is_settled_at_issue() -> None:
    issued = invoice(0)
    assert issued.closed
    assert said(taken(issued)[0])[1]["settled"] is True


def test_a_part_payment_leaves_the_rest_open() -> None:
    now = at("2026-01-05")
    issued = invoice(1000)
    assert when(issued, lambda i: i.apply_payment(PAYMENT, 400, at("2026-01-04"), now)) == [
        (
            "invoice.payment_applied.v1",
            {"payment": PAYMENT, "amount": 400, "open": 600, "settled": False, "applied_at": at("2026-01-04")},
        )
    ]
    assert not issued.closed
    assert issued.applied == ((PAYMENT, 400, at("2026-01-04")),)


def test_paid_in_full_it_is_settled() -> None:
    issued = invoice(1000)
    [(_, fields)] = when(issued, lambda i: i.apply_payment(PAYMENT, 1000, JAN_1, JAN_1))
    assert (fields["open"], fields["settled"], issued.closed) == (0, True, True)


@pytest.mark.parametrize("amount", [0, -1, 1001])
def test_more_than_is_open_or_nothing_is_never_applied(amount: int) -> None:
    with pytest.raises(AssertionError):
        invoice(1000).apply_payment(PAYMENT, amount, JAN_1, JAN_1)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4), st.lists(st.integers(0, 10**6), max_size=8))
def test_what_is_open_and_what_was_applied_make_the_total(amounts: list[int], paid: list[int]) -> None:
    issued = invoice(*amounts)
    surplus = 0
    for ordinal, amount in enumerate(paid):
        taken_now, left = issued.split(amount)
        assert taken_now + left == amount
        surplus += left
        if taken_now:
            issued.apply_payment(f"{PAYMENT}{ordinal}", taken_now, JAN_1, JAN_1)
        assert issued.open + sum(applied for _, applied, _ in issued.applied) == issued.total == sum(amounts)
        assert issued.closed == (issued.open == 0)
    assert surplus == max(0, sum(paid) - sum(amounts))
    assert fold(taken(issued), Invoice) == issued
