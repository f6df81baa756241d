"""Set how a customer's subscriptions are billed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.pricing.calendar import BillingDay


class SetBilling(BaseModel):
    """``together``: all that falls due on a day stands on one invoice. It needs a ``billing_day``."""

    model_config = ConfigDict(extra="forbid")

    billing_day: BillingDay | None
    together: bool = False


def set_billing(unit: Unit, request: SetBilling) -> Customer:
    """The customer; what was sold before is billed as it was."""
    customer = unit.get(Customer, unit.customer_id)
    if request.together and request.billing_day is None:
        raise RuleViolated("billing_day_missing", "What is billed together needs a day.", "/billing_day")
    customer.set_billing(billing_day=request.billing_day, together=request.together, now=unit.now)
    return customer
