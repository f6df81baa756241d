from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import MAX_AMOUNT, Money, exponent
from infra.importing.amounts import parse_amount
from infra.terminal import money


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("70.35", "USD", 7035),
        ("1889.5", "USD", 188950),
        ("20", "USD", 2000),
        ("0", "USD", 0),
        ("0.07", "EUR", 7),
        ("1200", "JPY", 1200),
        ("1.234", "BHD", 1234),
        ("10000000000.00", "USD", MAX_AMOUNT),
    ],
)
def test_a_decimal_becomes_minor_units(text: str, currency: str, amount: int) -> None:
    assert parse_amount(text, currency) == Money(amount=amount, currency=currency)


@pytest.mark.parametrize(
    ("text", "currency", "why"),
    [
        ("", "USD", "blank"),
        ("70.355", "USD", "more than the 2 decimals"),
        ("70.350", "USD", "more than the 2 decimals"),
        ("70.5", "JPY", "more than the 0 decimals"),
        ("-1", "USD", "not an amount"),
        ("+1", "USD", "not an amount"),
        ("1,000.00", "USD", "not an amount"),
        ("1e3", "USD", "not an amount"),
        (".5", "USD", "not an amount"),
        ("5.", "USD", "not an amount"),
        ("nan", "USD", "not an amount"),
        ("١٢", "USD", "not an amount"),
        ("10000000000.01", "USD", "too large"),
        ("9" * 5000, "USD", "too large"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_reason(text: str, currency: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_amount(text, currency)


@given(st.integers(0, MAX_AMOUNT), st.sampled_from(["JPY", "EUR", "BHD"]))
def test_what_is_written_is_read_back_to_the_last_unit(amount: int, currency: str) -> None:
    text = money(amount, currency).replace(",", "")
    assert len(text.partition(".")[2]) == exponent(currency)
    assert parse_amount(text, currency).amount == amount
