"""What a subscription's events are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.money import SignedAmount
from domain.pricing.difference import Posting
from domain.pricing.discounts import Discount
from domain.pricing.expected import Key, Stretch
from domain.subscription.sale import Agreement, Billing, Item, Sale, replaced

_MODEL = ConfigDict(frozen=True, extra="forbid")


class Period(BaseModel):
    """A billing period, ``[start, end)``."""

    model_config = _MODEL

    start: AwareDatetime
    end: AwareDatetime


class Pause(BaseModel):
    """``billing`` goes on or not, ``entitlements`` are kept or not, until ``resumes_at``; null: until it is resumed."""

    model_config = _MODEL

    paused_at: AwareDatetime
    resumes_at: AwareDatetime | None
    billing: Literal["stopped", "continued"]
    entitlements: Literal["kept", "withdrawn"]


class Transfer(BaseModel):
    """To ``customer`` as ``subscription``, as of ``at``."""

    model_config = _MODEL

    customer: str
    subscription: str
    at: AwareDatetime


class Former(BaseModel):
    """What another customer had as ``subscription``, begun at ``started_at``: all that was agreed until it was handed over, and
    what of it was not owed. It decides how the periods, phases and discounts that run are counted on.
    """

    model_config = _MODEL

    subscription: str
    started_at: AwareDatetime
    agreements: tuple[Agreement, ...]
    paused: tuple[Stretch, ...]
    unpaid: tuple[Stretch, ...]
    skipped: tuple[Stretch, ...]
    renewed_periods: int

    def taken_over(self, sale: Sale) -> Sale:
        """What is sold to the next customer, behind what was sold before."""
        return replace(
            sale,
            started_at=self.started_at,
            agreements=replaced(self.agreements, sale.agreements[0]),
            paused=self.paused,
            unpaid=self.unpaid,
            skipped=self.skipped,
            taken_over_at=sale.started_at,
        )


class Handover(BaseModel):
    """What a subscription goes on as for another customer, as of ``to.at``. ``clock``: the test clock that both live on."""

    model_config = _MODEL

    tenant: str
    storefront: str
    clock: str | None
    to: Transfer
    state: Literal["trial", "active"]
    items: tuple[Item, ...]
    billing: Billing
    timezone: str
    trial_ends_at: AwareDatetime | None
    anchor: AwareDatetime
    term_ends_at: AwareDatetime | None
    discounts: tuple[Discount, ...]
    former: Former


class Posted(BaseModel):
    """An amount that stands on an invoice, in minor units, negative where it takes back: for a charge of an item, or a
    ``discount`` on it, for ``[start, end)`` of the whole period ``[whole_start, whole_end)``. ``agreement`` is what decided its
    price.
    """

    model_config = _MODEL

    item: str
    charge: str
    discount: str = ""
    whole_start: AwareDatetime
    whole_end: AwareDatetime
    agreement: str
    start: AwareDatetime
    end: AwareDatetime
    amount: SignedAmount

    @classmethod
    def of(cls, posting: Posting) -> Self:
        item, charge, whole_start, whole_end, discount = posting.key
        return cls(
            item=item,
            charge=charge,
            discount=discount,
            whole_start=whole_start,
            whole_end=whole_end,
            agreement=posting.agreement,
            start=posting.start,
            end=posting.end,
            amount=posting.amount,
        )

    @property
    def key(self) -> Key:
        """What it is priced with as one."""
        return Key(self.item, self.charge, self.whole_start, self.whole_end, self.discount)
