"""Events of a subscription. Each that changes access says so in ``access`` and ``access_until``: no reader re-derives it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import AwareDatetime

from domain.catalog.terms import Grant
from domain.event import Event, FirstEvent
from domain.money import Amount
from domain.pricing.difference import Posting
from domain.pricing.discounts import Discount
from domain.pricing.expected import Stretch
from domain.subscription.sale import Agreement, Billing, Ending, Item, Sale, ending_of, in_force, replaced
from domain.subscription.values import Former, Pause, Period, Posted, Transfer

if TYPE_CHECKING:
    from domain.subscription.aggregate import Subscription


class SubscriptionStarted(FirstEvent):
    """Sold: the terms and grants are copies of the catalog as it stood at position ``catalogsequence`` of the record.

    ``items`` are what is sold, the base first, and ``grants`` what they give together. ``anchor`` is the instant of the first
    period's begin (the trial's end where there is a trial), ``term_ends_at`` the end of a fixed term. ``billing`` are the rules
    by which it is billed. ``former`` is what it goes on for, which another customer had until ``started_at``.
    """

    TOPIC: ClassVar[str] = "subscription.started.v2"
    tenant: str
    customer: str
    storefront: str
    state: Literal["trial", "active"]
    items: tuple[Item, ...]
    grants: tuple[Grant, ...]
    billing: Billing
    timezone: str
    started_at: AwareDatetime
    trial_ends_at: AwareDatetime | None
    anchor: AwareDatetime
    term_ends_at: AwareDatetime | None
    access: Literal[True] = True
    access_until: AwareDatetime | None
    discounts: tuple[Discount, ...] = ()
    former: Former | None = None

    def apply(self, aggregate: Subscription) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.storefront = self.storefront
        aggregate.state = self.state
        sale = Sale(
            timezone=self.timezone,
            billing=self.billing,
            started_at=self.started_at,
            anchor=self.anchor,
            agreements=(Agreement(start=self.started_at, items=self.items),),
            ending=ending_of(None, self.term_ends_at, credit=False),
            discounts=self.discounts,
        )
        aggregate.sale = sale if self.former is None else self.former.taken_over(sale)
        aggregate.sold = {(item.id, item.agreement): item for each in aggregate.sale.agreements for item in each.items}
        aggregate.trial_ends_at = self.trial_ends_at
        aggregate.term_ends_at = self.term_ends_at
        aggregate.paid_access = True
        aggregate.access_until = self.access_until
        aggregate.pause = None
        aggregate.renewed_periods = 0 if self.former is None else self.former.renewed_periods
        aggregate.discounts = {discount.id: discount for discount in self.discounts}
        aggregate.transfer = None
        aggregate.failed_transfers = {}
        aggregate.transferred_from = None if self.former is None else self.former.subscription
        aggregate.gives_up_at = None
        aggregate.gives_up_by = "cancel"
        aggregate.cancel_at = None
        aggregate.cancel_credit = False
        aggregate.scheduled = None
        aggregate.ended_at = None
        aggregate.suspended_at = None
        aggregate.posted = {}
        aggregate.billed_until = None
        aggregate.changed_from = None
        aggregate.rebills = False
        aggregate.last_period = None
        aggregate.first_charge = None


class SubscriptionActivated(Event):
    """The trial is over (at ``activated_at``, the trial's end) and the paid life begins."""

    TOPIC: ClassVar[str] = "subscription.activated.v1"
    activated_at: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "active"


class SubscriptionTrialEndSet(Event):
    """The trial lasts until ``trial_ends_at``, later or sooner than was agreed; from then on periods are counted."""

    TOPIC: ClassVar[str] = "subscription.trial_end_set.v1"
    trial_ends_at: AwareDatetime
    term_ends_at: AwareDatetime | None
    access_until: AwareDatetime | None

    def apply(self, aggregate: Subscription) -> None:
        aggregate.trial_ends_at = self.trial_ends_at
        aggregate.term_ends_at = self.term_ends_at
        aggregate.access_until = self.access_until
        aggregate.sale = replace(aggregate.sale, anchor=self.trial_ends_at)
        if aggregate.billed_until == self.trial_ends_at:  # what the trial cost was, what follows it was not
            aggregate.billed_until = self.trial_ends_at - timedelta(microseconds=1)
        _ends(aggregate)


class SubscriptionBilled(Event):
    """What had fallen due by ``until`` and was not posted was put on an invoice, in the same append as ``invoice.issued``;
    ``invoice`` null: nothing was. ``period`` is the base's period that was billed here, if any.
    """

    TOPIC: ClassVar[str] = "subscription.billed.v1"
    until: AwareDatetime
    invoice: str | None
    postings: tuple[Posted, ...]
    period: Period | None

    def apply(self, aggregate: Subscription) -> None:
        posted = dict(aggregate.posted)
        for each in self.postings:
            agreement = each.agreement or in_force(aggregate.sale.agreements, each.start).base.agreement
            posting = Posting(each.key, agreement, each.start, each.end, each.amount, self.invoice or "")
            posted[each.key] = (*posted.get(each.key, ()), posting)
        aggregate.posted = posted
        aggregate.billed_until = self.until if aggregate.billed_until is None else max(self.until, aggregate.billed_until)
        aggregate.changed_from = None
        aggregate.rebills = False
        aggregate.last_period = self.period or aggregate.last_period
        if aggregate.first_charge is None and sum(each.amount for each in self.postings) > 0:
            aggregate.first_charge = self.invoice


class SubscriptionChanged(Event):
    """From ``effective_at`` on ``items``, the base first, are sold instead of all that was agreed for that time before, and
    ``grants`` is what they give together. ``trial_ends_at`` and ``term_ends_at`` are what a trial and a fixed term last until
    from now on; ``next_change_at``: when a change that was scheduled falls due, if one still does.
    """

    TOPIC: ClassVar[str] = "subscription.changed.v1"
    effective_at: AwareDatetime
    items: tuple[Item, ...]
    grants: tuple[Grant, ...]
    trial_ends_at: AwareDatetime | None
    term_ends_at: AwareDatetime | None
    access_until: AwareDatetime | None
    next_change_at: AwareDatetime | None

    def apply(self, aggregate: Subscription) -> None:
        change = Agreement(start=self.effective_at, items=self.items)
        aggregate.sold = {**aggregate.sold, **{(item.id, item.agreement): item for item in self.items}}
        aggregate.sale = replace(aggregate.sale, agreements=replaced(aggregate.sale.agreements, change))
        _rebill(aggregate, self.effective_at)
        if aggregate.state == "trial" and self.trial_ends_at is not None:
            aggregate.trial_ends_at = self.trial_ends_at
            aggregate.sale = replace(aggregate.sale, anchor=self.trial_ends_at)
        if self.term_ends_at != aggregate.term_ends_at:
            aggregate.renewed_periods = 0
        aggregate.term_ends_at = self.term_ends_at
        aggregate.access_until = self.access_until
        _ends(aggregate)
        if self.next_change_at is None:
            aggregate.scheduled = None


class SubscriptionChangeScheduled(Event):
    """From ``effective_at`` on ``items`` will be sold; what was scheduled before will not be."""

    TOPIC: ClassVar[str] = "subscription.change_scheduled.v1"
    effective_at: AwareDatetime
    items: tuple[Item, ...]

    def apply(self, aggregate: Subscription) -> None:
        aggregate.scheduled = self

    def postponed(self, at: datetime) -> SubscriptionChangeScheduled:
        """The same at a later instant."""
        items = [item.model_copy(update={"anchor": at}) if item.anchor == self.effective_at else item for item in self.items]
        return self.model_copy(update={"effective_at": at, "items": tuple(items)})


class SubscriptionChangeWithdrawn(Event):
    """The change that was scheduled for ``effective_at`` will not be."""

    TOPIC: ClassVar[str] = "subscription.change_withdrawn.v1"
    effective_at: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.scheduled = None


class SubscriptionGraceEntered(Event):
    """A charge failed and retries go on. It takes ``access`` where it was the first charge of all."""

    TOPIC: ClassVar[str] = "subscription.grace_entered.v1"
    invoice: str
    access: bool

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "grace"
        aggregate.paid_access = aggregate.paid_access and self.invoice != aggregate.first_charge


class SubscriptionSuspended(Event):
    """The retries of ``invoice`` are used up: access is withdrawn at ``suspended_at`` and no period that was not billed yet is.
    Where nothing is paid until ``gives_up_at`` it is cancelled, or what it owes written off as well.
    """

    TOPIC: ClassVar[str] = "subscription.suspended.v2"
    invoice: str
    suspended_at: AwareDatetime
    access: Literal[False] = False
    gives_up_at: AwareDatetime | None
    gives_up_by: Literal["cancel", "write_off"]

    def apply(self, aggregate: Subscription) -> None:
        aggregate.state = "suspended"
        aggregate.suspended_at = self.suspended_at
        aggregate.paid_access = False
        aggregate.gives_up_at = self.gives_up_at
        aggregate.gives_up_by = self.gives_up_by
        # What was billed stays owed, though it began this very instant: it may be what could not be paid.
        billed = aggregate.billed_until
        start = self.suspended_at if billed is None else billed + timedelta.resolution
        aggregate.sale = replace(aggregate.sale, skipped=(*aggregate.sale.skipped, Stretch(start, None)))


class SubscriptionReinstated(Event):
    """Nothing is overdue any more. Periods that began while it was suspended are never billed; where the days without access are
    credited, all of these days are not owed, and the rest of the period that runs is. A change that was scheduled meanwhile
    counts from now on.
    """

    TOPIC: ClassVar[str] = "subscription.reinstated.v2"
    reinstated_at: AwareDatetime
    access: bool = True

    def apply(self, aggregate: Subscription) -> None:
        if aggregate.suspended_at is not None:
            aggregate.sale = aggregate.sale.back(aggregate.suspended_at, self.reinstated_at)
            _rebill(aggregate, aggregate.suspended_at)
        if aggregate.scheduled is not None and aggregate.scheduled.effective_at < self.reinstated_at:
            aggregate.scheduled = aggregate.scheduled.postponed(self.reinstated_at)
        aggregate.state = "active"
        aggregate.suspended_at = None
        aggregate.gives_up_at = None
        aggregate.paid_access = True


class SubscriptionPaused(Event):
    """It rests, as ``pause`` says; its state is what it was."""

    TOPIC: ClassVar[str] = "subscription.paused.v1"
    pause: Pause
    access: bool

    def apply(self, aggregate: Subscription) -> None:
        aggregate.pause = self.pause
        if self.pause.billing == "stopped":
            stretch = Stretch(self.pause.paused_at, self.pause.resumes_at)
            aggregate.sale = replace(aggregate.sale, paused=(*aggregate.sale.paused, stretch))
            _rebill(aggregate, self.pause.paused_at)


class SubscriptionResumed(Event):
    """It goes on after a pause. Periods are counted as if there had been none."""

    TOPIC: ClassVar[str] = "subscription.resumed.v1"
    resumed_at: AwareDatetime
    access: bool

    def apply(self, aggregate: Subscription) -> None:
        assert aggregate.pause is not None
        if aggregate.pause.billing == "stopped":
            stretch = Stretch(aggregate.pause.paused_at, self.resumed_at)
            aggregate.sale = replace(aggregate.sale, paused=(*aggregate.sale.paused[:-1], stretch))
            _rebill(aggregate, self.resumed_at)
        aggregate.pause = None


class SubscriptionRenewed(Event):
    """Its fixed term goes on for ``periods`` more, until ``term_ends_at``."""

    TOPIC: ClassVar[str] = "subscription.renewed.v1"
    periods: int
    term_ends_at: AwareDatetime
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        aggregate.renewed_periods += self.periods
        aggregate.term_ends_at = self.term_ends_at
        aggregate.access_until = self.access_until
        _ends(aggregate)


class SubscriptionDiscounted(Event):
    """Something is taken off from now on."""

    TOPIC: ClassVar[str] = "subscription.discounted.v1"
    discount: Discount

    def apply(self, aggregate: Subscription) -> None:
        aggregate.discounts = {**aggregate.discounts, self.discount.id: self.discount}
        aggregate.sale = replace(aggregate.sale, discounts=tuple(aggregate.discounts.values()))
        _rebill(aggregate, self.discount.since)


class SubscriptionDiscountEnded(Event):
    """A discount counts no longer, for what falls due after ``ended_at``."""

    TOPIC: ClassVar[str] = "subscription.discount_ended.v1"
    discount: str
    ended_at: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        ended = aggregate.discounts[self.discount].model_copy(update={"until": self.ended_at})
        aggregate.discounts = {**aggregate.discounts, self.discount: ended}
        aggregate.sale = replace(aggregate.sale, discounts=tuple(aggregate.discounts.values()))


class SubscriptionInvoiceWithdrawn(Event):
    """What stood on ``invoice``, which was voided, is not owed. With ``rebill`` it will be billed anew; else it never is, and
    nothing of it is given back.
    """

    TOPIC: ClassVar[str] = "subscription.invoice_withdrawn.v1"
    invoice: str
    rebill: bool

    def apply(self, aggregate: Subscription) -> None:
        if aggregate.first_charge == self.invoice and not aggregate.charged_apart_from(self.invoice):
            aggregate.first_charge = None
        aggregate.rebills = aggregate.rebills or self.rebill
        for line in aggregate.posted_on(self.invoice):
            lines = aggregate.posted[line.key]
            if self.rebill:
                _rebill(aggregate, line.start)
            instead = () if self.rebill else (replace(line, waived=line.amount),)
            aggregate.posted = {**aggregate.posted, line.key: (*(each for each in lines if each is not line), *instead)}


class SubscriptionLineWaived(Event):
    """``amount`` of what was ``posted`` on ``invoice`` was given up by a credit note, and is not given back again."""

    TOPIC: ClassVar[str] = "subscription.line_waived.v1"
    invoice: str
    posted: Posted
    amount: Amount

    def apply(self, aggregate: Subscription) -> None:
        each, key = self.posted, self.posted.key
        lines = list(aggregate.posted.get(key, ()))
        for number, line in enumerate(lines):
            if (line.invoice, line.agreement, line.start, line.amount) == (self.invoice, each.agreement, each.start, each.amount):
                lines[number] = replace(line, waived=line.waived + self.amount)
                break
        aggregate.posted = {**aggregate.posted, each.key: tuple(lines)}


class SubscriptionUsedLate(Event):
    """Usage was recorded for ``at``, of a time that was billed already: that is put right by the next invoice."""

    TOPIC: ClassVar[str] = "subscription.used_late.v1"
    meter: str
    at: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        _rebill(aggregate, self.at)


class SubscriptionTransferRequested(Event):
    """Another customer is to have it instead, as of ``transfer.at``. It ends here once it has been started there; until then
    nothing falls due, and nobody may change it.
    """

    TOPIC: ClassVar[str] = "subscription.transfer_requested.v1"
    transfer: Transfer

    def apply(self, aggregate: Subscription) -> None:
        aggregate.transfer = self.transfer


class SubscriptionTransferFailed(Event):
    """It stays here: it could not be started there, and ``code`` says why. What fell due meanwhile is done now."""

    TOPIC: ClassVar[str] = "subscription.transfer_failed.v1"
    transfer: Transfer
    code: str

    def apply(self, aggregate: Subscription) -> None:
        aggregate.failed_transfers = {**aggregate.failed_transfers, self.transfer.subscription: self.code}
        aggregate.transfer = None


class SubscriptionTransferred(Event):
    """Ended: another customer has it since ``transfer.at``. What was paid for later is given back."""

    TOPIC: ClassVar[str] = "subscription.transferred.v1"
    transfer: Transfer
    access: Literal[False] = False
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        _end(aggregate, "cancelled", self.transfer.at, self.access_until)
        aggregate.sale = replace(aggregate.sale, ending=Ending(self.transfer.at, credit=True, exact=True))
        _rebill(aggregate, self.transfer.at)


class SubscriptionCancellationScheduled(Event):
    """It will be cancelled at ``cancel_at``; access holds until then. ``credit``: what was paid for later is given back."""

    TOPIC: ClassVar[str] = "subscription.cancellation_scheduled.v2"
    cancel_at: AwareDatetime
    access_until: AwareDatetime
    credit: bool

    def apply(self, aggregate: Subscription) -> None:
        aggregate.cancel_at = self.cancel_at
        aggregate.cancel_credit = self.credit
        aggregate.access_until = self.access_until
        _ends(aggregate)


class SubscriptionCancellationWithdrawn(Event):
    """It goes on: the cancellation that was scheduled will not be."""

    TOPIC: ClassVar[str] = "subscription.cancellation_withdrawn.v1"
    access_until: AwareDatetime | None

    def apply(self, aggregate: Subscription) -> None:
        aggregate.cancel_at = None
        aggregate.access_until = self.access_until
        _ends(aggregate)


class SubscriptionCancelled(Event):
    """Ended by somebody's will at ``cancelled_at``. What is open stays owed; with ``credit`` what was paid for later is given
    back.
    """

    TOPIC: ClassVar[str] = "subscription.cancelled.v2"
    cancelled_at: AwareDatetime
    access: Literal[False] = False
    access_until: AwareDatetime
    credit: bool

    def apply(self, aggregate: Subscription) -> None:
        billed = aggregate.billed_until is not None and aggregate.billed_until >= self.cancelled_at
        begun = billed and self.cancelled_at == self.timestamp and not self.credit
        _end(aggregate, "cancelled", self.cancelled_at, self.access_until)
        aggregate.sale = aggregate.sale.cancelled(self.cancelled_at, credit=self.credit, begun=begun)
        _rebill(aggregate, self.cancelled_at)


class SubscriptionExpired(Event):
    """The fixed term is over."""

    TOPIC: ClassVar[str] = "subscription.expired.v1"
    expired_at: AwareDatetime
    access: Literal[False] = False
    access_until: AwareDatetime

    def apply(self, aggregate: Subscription) -> None:
        _end(aggregate, "expired", self.expired_at, self.access_until)


def _end(aggregate: Subscription, state: Literal["cancelled", "expired"], at: datetime, access_until: datetime) -> None:
    aggregate.state = state
    aggregate.ended_at = at
    aggregate.paid_access = False
    aggregate.access_until = access_until
    aggregate.pause = None
    aggregate.gives_up_at = None


def _rebill(aggregate: Subscription, since: datetime) -> None:
    """What is owed from an instant on may be another than was posted."""
    aggregate.changed_from = since if aggregate.changed_from is None else min(since, aggregate.changed_from)


def _ends(aggregate: Subscription) -> None:
    """What is sold ends when it is cancelled or when its term is over, whichever is first."""
    before = aggregate.sale.ending
    ending = ending_of(aggregate.cancel_at, aggregate.term_ends_at, aggregate.cancel_credit)
    aggregate.sale = replace(aggregate.sale, ending=ending)
    known = [each.at for each in (before, ending) if each is not None]
    if known and before != ending:
        _rebill(aggregate, min(known))
