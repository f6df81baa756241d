"""What a quantity may look like."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from commands.quantity import GivenQuantity, GivenUse


@pytest.mark.parametrize("given", ["3", 3, "0.5", "1000000000000", "007"])
def test_plain_decimals(given: object) -> None:
    assert TypeAdapter(GivenQuantity).validate_python(given) == Decimal(str(given))


def test_nothing_has_no_sign() -> None:
    assert str(TypeAdapter(GivenQuantity).validate_python("-0")) == "0"
    assert str(TypeAdapter(GivenUse).validate_python("-0.0")) == "0.0"


@pytest.mark.parametrize("given", ["1_000", "２", "1e3", "+1", " 1", ".5", "1.", "NaN", "Infinity", "", "-1", True])
def test_all_else_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(GivenQuantity).validate_python(given)
