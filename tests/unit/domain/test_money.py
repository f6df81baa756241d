"""Money: whole minor units of a known currency, never negative, exact in every JSON reader."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.money import MAX_AMOUNT, Money, exponent


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4)])
def test_the_exponent_is_the_currencys(currency: str, digits: int) -> None:
    assert exponent(currency) == digits


@pytest.mark.parametrize("currency", ["eur", "EURO", "", "XXX", "XAU", "978"])
def test_what_is_no_currency_with_minor_units_is_refused(currency: str) -> None:
    with pytest.raises(ValidationError):
        Money(amount=1, currency=currency)


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT + 1, 1.0, "1", True, None, float("nan")])
def test_what_is_no_whole_amount_in_range_is_refused(amount: Any) -> None:
    with pytest.raises(ValidationError):
        Money(amount=amount, currency="EUR")


def test_nothing_may_be_added() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": 1, "currency": "EUR", "cents": 0})


@given(st.integers(0, MAX_AMOUNT))
def test_an_amount_survives_a_reader_that_holds_numbers_as_doubles(amount: int) -> None:
    stored = orjson.loads(Money(amount=amount, currency="EUR").model_dump_json())["amount"]
    assert int(float(stored)) == amount
    assert int(float(stored * 9_000)) == amount * 9_000  # a sum of so many amounts still is exact
