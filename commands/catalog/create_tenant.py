"""Create a tenant: all that follows lives inside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.catalog.slugs import TenantSlug
from commands.unit import Unit
from domain.catalog.aggregates import Tenant


class CreateTenant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: TenantSlug = Field(examples=["acme"])
    name: str = Field(min_length=1, max_length=200, examples=["Acme Media"])


def create_tenant(unit: Unit, request: CreateTenant) -> Tenant:
    """The tenant; raises WrongState where it exists."""
    tenant = Tenant.create(request.id, request.name, unit.now)
    unit.add(tenant)
    return tenant
