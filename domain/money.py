"""Money: integer minor units with an ISO 4217 currency."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal

import iso4217
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# Sums of many amounts must stay exact in JSON readers that hold numbers as doubles (2**53); one amount stays well below.
MAX_AMOUNT = 10**12

_CURRENCIES = frozenset(c.code for c in iso4217.Currency if c.exponent is not None)


def _known_currency(code: str) -> str:
    if code not in _CURRENCIES:
        raise ValueError(f"{code!r} is not an ISO 4217 currency with minor units")
    return code


Currency = Annotated[str, AfterValidator(_known_currency)]
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT, strict=True)]
SignedAmount = Annotated[int, Field(ge=-MAX_AMOUNT, le=MAX_AMOUNT, strict=True)]
# A price of one unit in minor units, which may be less than one of them: "0.035" EUR cents a request.
Rate = Annotated[Decimal, Field(ge=0, le=MAX_AMOUNT, max_digits=25, decimal_places=12, allow_inf_nan=False)]
Rounding = Literal["half_up", "half_even"]


def rounded(exact: Fraction, rounding: Rounding) -> int:
    """Whole minor units. Half-up rounds a half away from zero, so that a credit is rounded as the charge that it takes back."""
    whole, rest = divmod(abs(exact.numerator), exact.denominator)
    twice = 2 * rest
    up = twice > exact.denominator or (twice == exact.denominator and (rounding == "half_up" or whole % 2 == 1))
    found = whole + up
    return -found if exact < 0 else found


def exponent(currency: str) -> int:
    """Digits after the decimal point of a currency: 2 for EUR, 0 for JPY, 3 for BHD."""
    value = iso4217.Currency(currency).exponent
    assert value is not None
    return value


class Money(BaseModel):
    """An amount that is never negative, in minor units of its currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Amount
    currency: Currency
