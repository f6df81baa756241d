"""The parts of the catalog that are copied into a sale."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.money import Money

_MODEL = ConfigDict(frozen=True, extra="forbid")

EntitlementKind = Literal["flag", "tier", "quota", "content"]


class Interval(BaseModel):
    """A billing interval: ``count`` times ``unit``."""

    model_config = _MODEL

    unit: Literal["day", "week", "month", "year"]
    count: Annotated[int, Field(ge=1, le=366, strict=True)] = 1


class Grant(BaseModel):
    """An entitlement as a bundle grants it. ``value``: true for a flag, a name for a tier, a number for a quota, an id for
    content.
    """

    model_config = _MODEL

    entitlement: str
    kind: EntitlementKind
    value: bool | Annotated[int, Field(ge=0, le=10**12)] | Annotated[str, Field(min_length=1, max_length=200)]


class Terms(BaseModel):
    """What was agreed: the bundle, the price's id and version, the amount a period, the interval, the trial and the fixed term.

    ``trial_days`` 0: no trial. ``term_periods`` None: runs until cancelled; else so many periods after the trial.
    """

    model_config = _MODEL

    bundle: str
    bundle_name: str
    price: str
    price_version: int
    amount: Money
    interval: Interval
    trial_days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    term_periods: Annotated[int, Field(ge=1, le=1200, strict=True)] | None = None
