"""Money: integer minor units with an ISO 4217 currency."""

from __future__ import annotations

from typing import Annotated

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
