"""Define an entitlement: something that a bundle can grant."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug
from commands.unit import Unit
from domain.catalog.aggregates import Entitlement
from domain.catalog.terms import EntitlementKind


class DefineEntitlement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Slug = Field(examples=["hd"])
    kind: EntitlementKind = Field(examples=["flag"])
    name: str = Field(min_length=1, max_length=200, examples=["HD streaming"])


def define_entitlement(unit: Unit, request: DefineEntitlement) -> Entitlement:
    """The entitlement; raises WrongState where its id is taken."""
    unit.catalog.tenant(unit.tenant)
    entitlement = Entitlement.define(unit.tenant, request.id, kind=request.kind, name=request.name, now=unit.now)
    unit.add(entitlement)
    return entitlement
