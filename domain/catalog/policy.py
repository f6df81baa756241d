"""The rules of a storefront that are data: how it bills, and what it does when money does not come."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.pricing.proration import Proration

_MODEL = ConfigDict(frozen=True, extra="forbid")


class BillingPolicy(BaseModel):
    """``yearly``: whether years begin on the billing day, or on the anniversary of the first begin. ``changed_trial``: whether
    the trial of what is sold instead is counted from the first start, or anew. ``suspended``: whether days without access for
    want of payment are owed.

    An invoice is charged ``payment_terms_days`` after its issue, when it falls due. It stays a draft for ``draft_days`` first.
    """

    model_config = _MODEL

    proration: Proration = Proration()
    yearly: Literal["billing_day", "anniversary"] = "billing_day"
    changed_trial: Literal["first_start", "anew"] = "first_start"
    suspended: Literal["owed", "credited"] = "owed"
    payment_terms_days: Annotated[int, Field(ge=0, le=365, strict=True)] = 0
    draft_days: Annotated[int, Field(ge=0, le=30, strict=True)] = 0


class DunningPolicy(BaseModel):
    """``hard_declines``: whether an instrument that will never pay is tried again. A suspended subscription is given up after so
    many days: it is cancelled, and with ``write_off`` what it owes is written off.
    """

    model_config = _MODEL

    hard_declines: Literal["stop", "retry"] = "stop"
    give_up_after_days: Annotated[int, Field(ge=0, le=366, strict=True)] | None = None
    give_up_by: Literal["cancel", "write_off"] = "cancel"
