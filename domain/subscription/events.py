"""Events of a subscription. Each that changes access says so in ``access`` and ``access_until``, so that no reader re-derives
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.catalog.terms import Grant, Terms
from domain.event import Event, FirstEvent
from domain.money import Money

if TYPE_CHECKING:
    from domain.subscription.aggregate import Subscription


class Period(BaseModel):
    """The ``index``-th billing period from the anchor, ``[start, end)``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    start: AwareDatetime
    end: AwareDatetime


class SubscriptionStarted(FirstEvent):
    """Sold: the terms and grants are copies of the catalog as it stood at position ``catalogsequence`` of the record.

    ``anchor`` is the instant of the first period's begin (the trial's end where there is a trial), ``term_ends_at`` the end of
    a fixed term.
    """

    TOPIC: ClassVar[str] = "subscription.started.v1"
    tenant: str
    customer: str
    storefront: str
    state: Literal["trial", "active"]
    terms: Terms
    grants: tuple[Grant, ...]
    timezone: str
    started_at: AwareDatetime
    trial_ends_at: AwareDatetime | None
    anchor: AwareDatetime
    term_ends_at: AwareDatetime | None
    access: Literal[True] = True
    access_until: AwareDatetime | None

    def apply(self, aggregate: Subscription) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.storefront = self.storefront
        aggregate.state = self.state
        aggregate.terms = self.terms
        aggregate.grants = self.grants
        aggregate.timezone = self.timezone
        aggregate.started_at = self.started_at
        aggregate.trial_ends_at = self.trial_ends_at
        aggregate.anchor = self.anchor
        aggregate.term_ends_at = self.term_ends_at
        aggregate.access = True
        aggregate.access_until = self.access_until
        aggregate.cancel_at = None
        aggregate.ended_at = None
        aggregate.suspended_at = None
        aggregate.next_index = 0
        aggregate.last_period = None
        aggregate.first_charge = None


class SubscriptionActivated(Event):
    """The trial is over (at ``activated_at``, the trial's end) and the paid life begins."""

    TOPIC: ClassVar[str] = "subscription.activated.v1"
    activated_at: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "active"


class SubscriptionPeriodBilled(Event):
    """One period was put on an invoice, in the same append as ``invoice.issued``."""

    TOPIC: ClassVar[str] = "subscription.period_billed.v1"
    period: Period
    invoice: str
    amount: Money

    def apply(self, aggregate: Subscription) -> None:
        aggregate.next_index = self.period.index + 1
        aggregate.last_period = self.period
        if aggregate.first_charge is None and self.amount.amount > 0:
            aggregate.first_charge = self.invoice


class SubscriptionGraceEntered(Event):
    """A charge failed and retries go on. ``access`` is false where it was the first charge of all."""

    TOPIC: ClassVar[str] = "subscription.grace_entered.v1"
    invoice: str
    access: bool

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "grace"
        aggregate.access = self.access


class SubscriptionSuspended(Event):
    """The retries of ``invoice`` are used up: access is withdrawn at ``suspended_at`` and no period that begins from then on is
    billed.
    """

    TOPIC: ClassVar[str] = "subscription.suspended.v1"
    invoice: str
    suspended_at: AwareDatetime
    access: Literal[False] = False

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "suspended"
        aggregate.suspended_at = self.suspended_at
        aggregate.access = False


class SubscriptionReinstated(Event):
    """Nothing is overdue any more. Billing goes on with period ``next_index``; those begun while suspended are never billed."""

    TOPIC: ClassVar[str] = "subscription.reinstated.v1"
    reinstated_at: AwareDatetime
    next_index: int
    access: Literal[True] = True

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "active"
        aggregate.suspended_at = None
        aggregate.access = True
        aggregate.next_index = self.next_index


class SubscriptionCancellationScheduled(Event):
    """It will be cancelled at ``cancel_at``, the end of the current period (or of the trial); access holds until then."""

    TOPIC: ClassVar[str] = "subscription.cancellation_scheduled.v1"
    cancel_at: AwareDatetime
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.cancel_at = self.cancel_at
        aggregate.access_until = self.access_until


class SubscriptionCancelled(Event):
    """Ended by somebody's will at ``cancelled_at``. What is open stays owed."""

    TOPIC: ClassVar[str] = "subscription.cancelled.v1"
    cancelled_at: AwareDatetime
    access: Literal[False] = False
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "cancelled"
        aggregate.ended_at = self.cancelled_at
        aggregate.access = False
        aggregate.access_until = self.access_until


class SubscriptionExpired(Event):
    """The fixed term is over."""

    TOPIC: ClassVar[str] = "subscription.expired.v1"
    expired_at: AwareDatetime
    access: Literal[False] = False
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "expired"
        aggregate.ended_at = self.expired_at
        aggregate.access = False
        aggregate.access_until = self.access_until
