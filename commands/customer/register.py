"""Make a customer known."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.customer.personal import Personal
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.customer.events import PaymentMethod
from domain.errors import RuleViolated
from domain.pricing.calendar import check_timezone


class RegisterCustomer(BaseModel):
    """``external_id`` is the caller's own, unique in the storefront; it is no place for personal data, which goes to
    ``personal``.
    """

    model_config = ConfigDict(extra="forbid")

    storefront: str = Field(max_length=64, examples=["web"])
    external_id: str | None = Field(default=None, min_length=1, max_length=200, examples=["u-1001"])
    timezone: str | None = Field(
        default=None, max_length=64, description="IANA zone; the storefront's by default.", examples=["Europe/Berlin"]
    )
    personal: Personal | None = None
    payment_method: PaymentMethod | None = Field(default=None, examples=[{"provider": "simulator", "token": "sim_ok"}])
    test_clock: str | None = Field(
        default=None, max_length=64, description="Sandbox only: the clock that this customer lives on, for good."
    )


def register(unit: Unit, request: RegisterCustomer) -> Customer:
    """The customer; raises NotFound for the storefront or the clock, WrongState where the external id is taken."""
    storefront = unit.catalog.storefront(unit.tenant, request.storefront)
    if request.test_clock is not None:
        unit.catalog.clock(unit.tenant, request.test_clock)
    method = check_method(request.payment_method, storefront.payment_provider)
    id = unit.customer_id
    customer = Customer.register(
        id,
        tenant=unit.tenant,
        storefront=request.storefront,
        external_id=request.external_id,
        timezone=check_timezone(request.timezone or storefront.timezone),
        clock=request.test_clock,
        personal=unit.seal(id, "personal", request.personal.clear()) if request.personal else None,
        payment_method=method,
        now=unit.catalog.clock(unit.tenant, request.test_clock).now if request.test_clock else unit.now,
    )
    unit.add(customer, request.external_id or id)
    return customer


def check_method(method: PaymentMethod | None, provider: str) -> PaymentMethod | None:
    """The method, if it is of the storefront's provider."""
    if method is not None and method.provider != provider:
        raise RuleViolated("unknown_provider", f"This storefront charges through {provider!r}.", "/payment_method/provider")
    return method
