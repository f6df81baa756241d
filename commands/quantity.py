"""Quantities as clients give them: decimals in plain digits, as text or as a number."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from domain.pricing.models import Quantity
from domain.usage.events import UsedQuantity

_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def _plain(value: object) -> object:
    """Not what Python's decimals read besides: exponents, underscores, digits of other scripts."""
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        raise ValueError("not a decimal in plain digits, such as 12.5")
    return value


def _without_sign(value: Decimal) -> Decimal:
    """Nothing has no sign: "-0" is 0."""
    return abs(value) if value == 0 else value


GivenQuantity = Annotated[Quantity, BeforeValidator(_plain), AfterValidator(_without_sign)]
GivenUse = Annotated[UsedQuantity, BeforeValidator(_plain), AfterValidator(_without_sign)]
