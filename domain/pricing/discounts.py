"""What is taken off a price, and in which order.

    1  a percentage of an item, then an amount off it
    2  a percentage of all items

Of equal ones the one that was given first comes first, and each is taken off what those before it left. So nothing becomes less
than nothing, whatever is given. A discount counts for every period that begins from ``since`` to ``until``, both included, and
for all parts of such a period, whenever they were agreed. What is charged once is never discounted.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.money import Amount, Currency

Percent = Annotated[Decimal, Field(gt=0, le=100, max_digits=9, decimal_places=6, allow_inf_nan=False)]


class Discount(BaseModel):
    """``percent`` or an ``amount`` of minor units a period, off ``item``; null: off all items, an amount off the base. For so
    many ``periods`` of it that begin from ``since`` on, none after ``until``; null: for ever. Only off these
    ``prices``, where any are named, and an amount off prices in its ``currency``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    percent: Percent | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    item: str | None = None
    periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None
    since: AwareDatetime
    until: AwareDatetime | None = None
    prices: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.percent is None) == (self.amount is None):
            raise ValueError("a discount is a percentage or an amount")
        return self

    def is_for(self, price: str, currency: str) -> bool:
        """Whether something is off a price."""
        return self.currency in (None, currency) and (not self.prices or price in self.prices)

    def off(self, left: Fraction, taken: Fraction) -> Fraction:
        """Of what is ``left`` of a period's price; of an amount so much was ``taken`` off other charges of the item."""
        if self.percent is not None:
            return left * Fraction(self.percent) / 100
        assert self.amount is not None
        return min(left, self.amount - taken)


def in_order(discounts: Iterable[Discount]) -> tuple[Discount, ...]:
    """As they are taken off."""
    return tuple(sorted(discounts, key=lambda each: 2 if each.item is None and each.amount is None else each.percent is None))
