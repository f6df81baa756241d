"""How the amount of a line follows from numbers that stand beside it, so that anybody can reckon it again.

    owed    = for each part: R(before + price x share) - R(before), where R rounds to whole minor units
    amount  = owed - what was posted for it before + what of that is withheld, since credit notes gave it up already

``before`` is what earlier parts of the same period come to at the same price, so that all of its parts together are the price.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.money import Amount, Rounding, SignedAmount, rounded
from domain.pricing.difference import Correction, Owed
from domain.pricing.discounts import Percent
from domain.pricing.models import Quantity, Step, exact

_MODEL = ConfigDict(frozen=True, extra="forbid")

# A fraction of minor units, or of a period: "12/31", "999", "-19/2". A percentage off makes both numbers longer by 8 digits.
Exact = Annotated[str, Field(pattern=r"^-?[0-9]+(/[0-9]+)?$", max_length=4000)]


class Off(BaseModel):
    """``percent`` of what is ``left`` of a period's price, or an ``amount`` of which so much was ``taken`` off other charges, but
    no more than is left.
    """

    model_config = _MODEL

    percent: Percent | None
    amount: Amount | None
    left: Exact
    taken: Exact


class PricedPart(BaseModel):
    """What is owed for ``[start, end)``: the price of the whole period, which is the sum of the ``steps``, or what a discount
    takes ``off``, times ``share``. Where that is a part, the whole period is ``[whole_start, whole_end)``.
    """

    model_config = _MODEL

    start: AwareDatetime
    end: AwareDatetime
    whole_start: AwareDatetime | None = None
    whole_end: AwareDatetime | None = None
    quantity: Quantity
    steps: tuple[Step, ...] = ()
    off: Off | None = None
    share: Exact
    before: Exact
    amount: SignedAmount

    @property
    def price(self) -> Fraction:
        """Of the whole period."""
        if self.off is None:
            return exact(self.steps)
        left = Fraction(self.off.left)
        if self.off.percent is not None:
            return -left * Fraction(self.off.percent) / 100
        return -min(left, (self.off.amount or 0) - Fraction(self.off.taken))

    def rounded(self, rounding: Rounding) -> int:
        """What it comes to, reckoned again."""
        before = Fraction(self.before)
        return rounded(before + self.price * Fraction(self.share), rounding) - rounded(before, rounding)


class PostedBefore(BaseModel):
    """``amount`` stands on ``invoice``, and credit notes, or its being void, gave up what of it is ``waived``: below 0 of a
    discount.
    """

    model_config = _MODEL

    invoice: str
    amount: SignedAmount
    waived: SignedAmount


class Formula(BaseModel):
    """The parts that are owed, and what was posted for them before, of which so much is ``withheld``."""

    model_config = _MODEL

    rounding: Rounding
    parts: tuple[PricedPart, ...]
    posted: tuple[PostedBefore, ...] = ()
    withheld: Amount = 0

    def amount(self) -> int:
        """What it comes to, reckoned again."""
        owed = sum(part.rounded(self.rounding) for part in self.parts)
        return owed - sum(each.amount for each in self.posted) + self.withheld


def formula(correction: Correction, rounding: Rounding) -> Formula:
    """Of a line that is about to be posted."""
    return Formula(
        rounding=rounding,
        parts=tuple(_part(each) for each in correction.owed),
        posted=tuple(PostedBefore(invoice=line.invoice, amount=line.amount, waived=line.waived) for line in correction.posted),
        withheld=correction.withheld,
    )


def _part(owed: Owed) -> PricedPart:
    part, off = owed.part, owed.part.off
    whole = part.share == 1
    return PricedPart(
        start=part.start,
        end=part.end,
        whole_start=None if whole else part.key.whole_start,
        whole_end=None if whole else part.key.whole_end,
        quantity=part.quantity,
        steps=tuple(part.charge.pricing.steps(part.quantity)) if off is None else (),
        off=off and Off(percent=off.discount.percent, amount=off.discount.amount, left=str(off.left), taken=str(off.taken)),
        share=str(part.share),
        before=str(owed.before),
        amount=owed.amount,
    )
