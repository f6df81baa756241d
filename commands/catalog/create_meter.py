"""Create a meter."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug
from commands.unit import Unit
from domain.catalog.aggregates import Meter
from domain.catalog.terms import Aggregation


class CreateMeter(BaseModel):
    """``aggregation`` says what the records of a period come to: their sum, the greatest, the last, how many there are, or how
    many different values.
    """

    model_config = ConfigDict(extra="forbid")

    id: Slug = Field(examples=["api-calls"])
    name: str = Field(min_length=1, max_length=200, examples=["API calls"])
    aggregation: Aggregation = Field(examples=["sum"])


def create_meter(unit: Unit, request: CreateMeter) -> Meter:
    """The meter; raises WrongState where its id is taken."""
    unit.catalog.tenant(unit.tenant)
    meter = Meter.create(unit.tenant, request.id, name=request.name, aggregation=request.aggregation, now=unit.now)
    unit.add(meter)
    return meter
