"""How a price follows from a quantity.

    flat        amount, whatever the quantity
    per_unit    quantity x unit_amount
    graduated   each unit at the rate of the tier that it falls into, and the flat amount of every tier that is reached
    volume      every unit at the rate of the tier that the whole quantity falls into, and that tier's flat amount
    package     begun packages of ``size`` units, after ``free_units``

Names and meaning are those of Stripe's and Lago's documentation; as with Lago a quantity of 0 reaches no tier, and costs nothing.
An amount is exact here, a fraction of minor units; whoever makes a line of it rounds it, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.money import Amount, Rate

Quantity = Annotated[Decimal, Field(ge=0, le=10**12, max_digits=24, decimal_places=9, allow_inf_nan=False)]

TIERS_MAX = 100


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Step:
    """``quantity`` units at ``unit_amount`` and ``flat_amount`` once: one part of what a quantity comes to."""

    quantity: Decimal
    unit_amount: Decimal
    flat_amount: int

    @property
    def exact(self) -> Fraction:
        units, per = self.quantity.as_integer_ratio()
        amount, of = self.unit_amount.as_integer_ratio()
        return Fraction(units * amount, per * of) + self.flat_amount


class Flat(_Model):
    model: Literal["flat"] = "flat"
    amount: Amount

    def steps(self, _: Decimal) -> Iterator[Step]:
        yield Step(quantity=Decimal(0), unit_amount=Decimal(0), flat_amount=self.amount)


class PerUnit(_Model):
    model: Literal["per_unit"]
    unit_amount: Rate

    def steps(self, quantity: Decimal) -> Iterator[Step]:
        yield Step(quantity=quantity, unit_amount=self.unit_amount, flat_amount=0)


class Package(_Model):
    """``amount`` for each begun package of ``size`` units beyond the ``free_units``."""

    model: Literal["package"]
    size: Annotated[int, Field(ge=1, le=10**12, strict=True)]
    amount: Amount
    free_units: Annotated[int, Field(ge=0, le=10**12, strict=True)] = 0

    def steps(self, quantity: Decimal) -> Iterator[Step]:
        packages = ceil(max(Decimal(0), quantity - self.free_units) / self.size)
        yield Step(quantity=Decimal(packages), unit_amount=Decimal(self.amount), flat_amount=0)


class Tier(_Model):
    """Up to and including the ``up_to``-th unit; None: all above."""

    up_to: Annotated[int, Field(ge=1, le=10**12, strict=True)] | None
    unit_amount: Rate = Decimal(0)
    flat_amount: Amount = 0


class _Tiered(_Model):
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=TIERS_MAX)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        bounds = [tier.up_to for tier in self.tiers]
        if bounds[-1] is not None or None in bounds[:-1]:
            raise ValueError("the last tier, and no other, has no upper bound")
        known = [bound for bound in bounds if bound is not None]
        if any(after <= before for before, after in pairwise(known)):
            raise ValueError("the tiers' bounds rise")
        return self


class Graduated(_Tiered):
    model: Literal["graduated"]

    def steps(self, quantity: Decimal) -> Iterator[Step]:
        before = Decimal(0)
        for tier in self.tiers:
            if before >= quantity:
                return
            end = quantity if tier.up_to is None else min(quantity, Decimal(tier.up_to))
            yield Step(quantity=end - before, unit_amount=tier.unit_amount, flat_amount=tier.flat_amount)
            before = end


class Volume(_Tiered):
    model: Literal["volume"]

    def steps(self, quantity: Decimal) -> Iterator[Step]:
        if not quantity:
            return
        tier = next(tier for tier in self.tiers if tier.up_to is None or quantity <= tier.up_to)
        yield Step(quantity=quantity, unit_amount=tier.unit_amount, flat_amount=tier.flat_amount)


PricingModel = Annotated[Flat | PerUnit | Graduated | Volume | Package, Field(discriminator="model")]


def exact(steps: Sequence[Step]) -> Fraction:
    """What they come to in minor units, not rounded."""
    # Most prices are one step, and adding to 0 takes as long as the step.
    return steps[0].exact if len(steps) == 1 else sum((step.exact for step in steps), Fraction(0))
