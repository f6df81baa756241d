"""Create and advance test clocks (sandboxes only)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.instant import Instant
from commands.unit import Unit
from domain.catalog.aggregates import Clock, stream


class CreateClock(BaseModel):
    """A clock that stands at ``now`` until it is advanced; customers are bound to it when they are registered."""

    model_config = ConfigDict(extra="forbid")

    id: Slug | None = Field(default=None, examples=["clock-1"])
    name: str = Field(default="", max_length=200)
    now: Instant = Field(examples=["2026-01-01T00:00:00Z"])


class AdvanceClock(BaseModel):
    """Everything due before ``now`` is done, in order; what is due at that very instant waits for the next advance."""

    model_config = ConfigDict(extra="forbid")

    now: Instant = Field(examples=["2026-02-01T00:00:00Z"])


def create_clock(unit: Unit, request: CreateClock) -> Clock:
    """The clock; raises WrongState where its id is taken."""
    unit.catalog.tenant(unit.tenant)
    clock = Clock.create(unit.tenant, slug_or_new(unit, request.id, "clk"), name=request.name, at=request.now, now=unit.now)
    unit.add(clock)
    return clock


def advance_clock(unit: Unit, id: str, request: AdvanceClock) -> Clock:
    """The clock at its new time; raises RuleViolated for an instant before its present one."""
    clock = unit.get(Clock, stream(unit.tenant, "clock", id))
    clock.advance(request.now, unit.now)
    return clock
