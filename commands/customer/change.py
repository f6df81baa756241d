"""Change a customer's personal data or time zone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from commands.customer.personal import Personal
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.pricing.calendar import check_timezone


class ChangeCustomer(BaseModel):
    """What is left out stays; ``personal`` replaces all personal data, null removes it."""

    model_config = ConfigDict(extra="forbid")

    timezone: str | None = Field(default=None, max_length=64, examples=["Europe/Berlin"])
    personal: Personal | None = None


def change(unit: Unit, request: ChangeCustomer) -> Customer:
    """The changed customer; raises RuleViolated where nothing is given to change."""
    if not request.model_fields_set:
        raise RuleViolated("nothing_to_change", "Give timezone or personal.")
    customer = unit.get(Customer, unit.customer_id)
    personal = customer.personal
    if "personal" in request.model_fields_set:
        personal = unit.seal(customer.id, "personal", request.personal.clear()) if request.personal else None
    timezone = check_timezone(request.timezone) if request.timezone else customer.timezone
    customer.change(timezone=timezone, personal=personal, now=unit.now)
    return customer
