"""The parts of the catalog that are copied into a sale."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.money import Amount, Money
from domain.pricing.models import PerUnit, PricingModel

_MODEL = ConfigDict(frozen=True, extra="forbid")

# The charge of a price that is an amount a period.
FEE = "fee"
CHARGES_MAX = 50
PHASES_MAX = 10

Unit = Literal["day", "week", "month", "year"]
Aggregation = Literal["sum", "max", "last", "unique", "count"]
EntitlementKind = Literal["flag", "tier", "quota", "content"]


class Interval(BaseModel):
    """A billing interval: ``count`` times ``unit``."""

    model_config = _MODEL

    unit: Unit
    count: Annotated[int, Field(ge=1, le=366, strict=True)] = 1


class Grant(BaseModel):
    """An entitlement as a bundle grants it. ``value``: true for a flag, a name for a tier, a number for a quota, an id for
    content.
    """

    model_config = _MODEL

    entitlement: str
    kind: EntitlementKind
    value: bool | Annotated[int, Field(ge=0, le=10**12)] | Annotated[str, Field(min_length=1, max_length=200)]


class Charge(BaseModel):
    """One component of a price. ``due`` says when a recurring one is billed: at a period's begin, or at its end. One for usage is
    always billed at its end, and priced by what the ``meter`` counted during the period.
    """

    model_config = _MODEL

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["recurring", "one_off", "usage"] = "recurring"
    pricing: PricingModel
    due: Literal["in_advance", "in_arrears"] = "in_advance"
    meter: Annotated[str, Field(max_length=63)] | None = None

    @property
    def in_advance(self) -> bool:
        return self.kind == "recurring" and self.due == "in_advance"

    @property
    def at_end(self) -> bool:
        """Whether it is owed once its period is over."""
        return self.kind == "usage" or (self.kind == "recurring" and self.due == "in_arrears")


class Phase(BaseModel):
    """A time at the beginning in which the ``charges`` are others: cheaper, say, or none."""

    model_config = _MODEL

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    lasts: Interval
    charges: Annotated[tuple[Charge, ...], Field(max_length=CHARGES_MAX)] = ()


class Terms(BaseModel):
    """What was agreed: the bundle, the price's id and version, what is charged, the interval, the trial and the fixed term. A
    version is sold from ``effective_from`` on (None: since it was published), and by the ``channel`` where one is named.

    ``amount`` is what a period costs, for each unit; of a price that is made of ``charges`` it is what the recurring ones come
    to for one unit, and its currency is theirs. ``trial_days`` 0: no trial; ``trial_fee``: what the whole of it costs.
    ``phases`` follow the trial, one after the other, before what the price is in the end. ``term_periods`` None: runs until
    cancelled; else so many periods after the trial.
    """

    model_config = _MODEL

    bundle: str
    bundle_name: str
    price: str
    price_version: int
    amount: Money
    interval: Interval
    trial_days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    trial_fee: Amount = 0
    term_periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None
    charges: Annotated[tuple[Charge, ...], Field(max_length=CHARGES_MAX)] = ()
    phases: Annotated[tuple[Phase, ...], Field(max_length=PHASES_MAX)] = ()
    channel: str | None = None
    effective_from: AwareDatetime | None = None

    @property
    def every_charge(self) -> tuple[Charge, ...]:
        """Those of all phases among them."""
        return (*(charge for phase in self.phases for charge in phase.charges), *self.all_charges)

    @cached_property
    def all_charges(self) -> tuple[Charge, ...]:
        """A price without charges of its own is one fee for each unit, in advance."""
        per_unit = PerUnit(model="per_unit", unit_amount=Decimal(self.amount.amount))
        return self.charges or (Charge(id=FEE, name=self.bundle_name, pricing=per_unit),)
