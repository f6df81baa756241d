"""Define a bundle: what a storefront sells."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import Slug, slug_or_new
from commands.unit import Unit
from domain.catalog.aggregates import Bundle
from domain.catalog.terms import EntitlementKind, Grant
from domain.errors import RuleViolated

Value = bool | Annotated[int, Field(ge=0, le=10**12)] | Annotated[str, Field(min_length=1, max_length=200)]
_TYPES: dict[EntitlementKind, type] = {"flag": bool, "tier": str, "quota": int, "content": str}


class GrantRequest(BaseModel):
    """``value``: true for a flag, a name for a tier, a number for a quota, an id for content."""

    model_config = ConfigDict(extra="forbid", strict=True)

    entitlement: str = Field(max_length=63, examples=["hd"])
    value: Value = Field(examples=[True])


class DefineBundle(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Slug | None = Field(default=None, examples=["gold"])
    storefront: str = Field(max_length=63, examples=["web"])
    name: str = Field(min_length=1, max_length=200, examples=["Gold"])
    grants: tuple[GrantRequest, ...] = Field(default=(), max_length=200)


def define_bundle(unit: Unit, request: DefineBundle) -> Bundle:
    """The bundle; raises NotFound for the storefront or an entitlement, RuleViolated for a value that does not fit its kind."""
    unit.catalog.storefront(unit.tenant, request.storefront)
    bundle = Bundle.define(
        unit.tenant,
        slug_or_new(unit, request.id, "bun"),
        storefront=request.storefront,
        name=request.name,
        grants=tuple(_grant(unit, grant, index) for index, grant in enumerate(request.grants)),
        now=unit.now,
    )
    if len({grant.entitlement for grant in request.grants}) < len(request.grants):
        raise RuleViolated("granted_twice", "A bundle grants an entitlement once.", "/grants")
    unit.add(bundle)
    return bundle


def _grant(unit: Unit, grant: GrantRequest, index: int) -> Grant:
    entitlement = unit.catalog.entitlement(unit.tenant, grant.entitlement, f"/grants/{index}/entitlement")
    if type(grant.value) is not _TYPES[entitlement.kind]:
        raise RuleViolated(
            "wrong_grant_value", f"{grant.value!r} is no value for a {entitlement.kind}.", f"/grants/{index}/value"
        )
    return Grant(entitlement=grant.entitlement, kind=entitlement.kind, value=grant.value)
