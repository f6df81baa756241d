"""What a quantity costs: the examples of Stripe's and Lago's documentation, and what holds for every model."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from domain.pricing.models import PricingModel, exact

ADAPTER: TypeAdapter[PricingModel] = TypeAdapter(PricingModel)
TIERS = [{"up_to": 5, "unit_amount": "700"}, {"up_to": 10, "unit_amount": "650"}, {"up_to": None, "unit_amount": "600"}]
WITH_FEES = [{"up_to": 10, "unit_amount": "10", "flat_amount": 2}, {"up_to": None, "unit_amount": "5", "flat_amount": 3}]


def cost(model: dict[str, Any], quantity: int | str) -> Decimal:
    found = exact(list(ADAPTER.validate_python(model).steps(Decimal(quantity))))
    return Decimal(found.numerator) / Decimal(found.denominator)


@pytest.mark.parametrize(
    ("model", "quantity", "amount"),
    [
        ({"model": "flat", "amount": 999}, 7, "999"),
        ({"model": "per_unit", "unit_amount": "0.035"}, 1001, "35.035"),
        # Stripe, "Tiered pricing": 6 units in volume and in graduated tiers
        ({"model": "volume", "tiers": TIERS}, 5, "3500"),
        ({"model": "volume", "tiers": TIERS}, 6, "3900"),
        ({"model": "graduated", "tiers": TIERS}, 6, "4150"),
        ({"model": "graduated", "tiers": TIERS}, 20, "12750"),
        # Lago: flat fees of the tiers that are reached
        ({"model": "graduated", "tiers": WITH_FEES}, 0, "0"),
        ({"model": "graduated", "tiers": WITH_FEES}, 10, "102"),
        ({"model": "graduated", "tiers": WITH_FEES}, 11, "110"),
        ({"model": "graduated", "tiers": WITH_FEES}, "10.5", "107.5"),
        ({"model": "volume", "tiers": WITH_FEES}, 0, "0"),
        ({"model": "volume", "tiers": WITH_FEES}, 11, "58"),
        # Lago, "Package": $5 for 100 units, the first 100 are free
        ({"model": "package", "size": 100, "amount": 500, "free_units": 100}, 100, "0"),
        ({"model": "package", "size": 100, "amount": 500, "free_units": 100}, 101, "500"),
        ({"model": "package", "size": 100, "amount": 500, "free_units": 100}, 200, "500"),
        ({"model": "package", "size": 100, "amount": 500, "free_units": 100}, "200.000000001", "1000"),
    ],
)
def test_examples(model: dict[str, Any], quantity: int | str, amount: str) -> None:
    assert cost(model, quantity) == Decimal(amount)


@pytest.mark.parametrize(
    "model",
    [
        {"model": "flat", "amount": -1},
        {"model": "flat", "amount": 1.5},
        {"model": "per_unit", "unit_amount": "-0.01"},
        {"model": "per_unit", "unit_amount": "NaN"},
        {"model": "per_unit", "unit_amount": "0.0000000000001"},
        {"model": "graduated", "tiers": []},
        {"model": "graduated", "tiers": [{"up_to": 5}]},
        {"model": "volume", "tiers": [{"up_to": None}, {"up_to": None}]},
        {"model": "volume", "tiers": [{"up_to": 5}, {"up_to": 5}, {"up_to": None}]},
        {"model": "package", "size": 0, "amount": 1},
        {"model": "surprise"},
    ],
)
def test_what_is_no_model_is_refused(model: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(model)


quantities = st.decimals(0, 10**6, places=3)


@given(quantities)
def test_one_tier_is_a_price_per_unit(quantity: Decimal) -> None:
    tiers = [{"up_to": None, "unit_amount": "1.25"}]
    expected = cost({"model": "per_unit", "unit_amount": "1.25"}, str(quantity))
    assert cost({"model": "graduated", "tiers": tiers}, str(quantity)) == expected
    assert cost({"model": "volume", "tiers": tiers}, str(quantity)) == expected


@given(quantities, quantities)
def test_more_never_costs_less(one: Decimal, other: Decimal) -> None:
    """Not so in volume pricing, where the whole quantity changes its rate."""
    less, more = sorted((one, other))
    for model in ({"model": "graduated", "tiers": WITH_FEES}, {"model": "package", "size": 7, "amount": 3, "free_units": 2}):
        assert cost(model, str(less)) <= cost(model, str(more))
