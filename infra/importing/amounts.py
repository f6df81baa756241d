"""Amounts as files write them (``70.35``), taken exactly into minor units (7035): no floats, no rounding."""

from __future__ import annotations

import re

from domain.money import MAX_AMOUNT, Money, exponent

_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def parse_amount(text: str, currency: str) -> Money:
    """A decimal as money. Raises ValueError, with what is wrong, for blanks, signs, separators, and digits the currency lacks."""
    if not text:
        raise ValueError("the amount is blank")
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount such as 70.35")
    digits = exponent(currency)
    fraction = match[2] or ""
    if len(fraction) > digits:
        raise ValueError(f"{text!r} has more than the {digits} decimals of {currency}")
    if len(match[1]) > len(str(MAX_AMOUNT)) or (minor := int(match[1] + fraction.ljust(digits, "0"))) > MAX_AMOUNT:
        raise ValueError(f"{text!r} is too large")
    return Money(amount=minor, currency=currency)
