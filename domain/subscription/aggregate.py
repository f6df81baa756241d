"""The subscription decides its own life; access is a function of it and of the time alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from domain.catalog.policy import DunningPolicy
from domain.catalog.terms import Charge, Grant, Terms
from domain.errors import WrongState
from domain.event import Aggregate
from domain.pricing.calendar import Calendar, add
from domain.pricing.difference import Correction, Posting, difference
from domain.pricing.discounts import Discount
from domain.pricing.expected import Key, UsedOf, parts
from domain.subscription import events, lifecycle
from domain.subscription.lifecycle import ENDED, State
from domain.subscription.sale import BASE, Agreement, Billing, Item, Sale, in_force, merged, replaced
from domain.subscription.values import Handover, Pause, Period, Posted, Transfer

_INSTANT = timedelta(microseconds=1)


class Subscription(Aggregate):
    """``sold`` is all that ever was, by item and agreement. ``posted`` is what stands on invoices, by what is priced as one;
    ``billed_until``: what fell due by then was billed, and ``changed_from``: from then on another amount may be owed than was
    posted, which with ``rebills`` is put right as soon as something can be billed. ``first_charge`` is the first invoice with
    something to pay. ``paid_access``: whether there would be access if it were not paused. ``discounts`` are all that ever were,
    by id. ``cancel_credit``: what was paid for after ``cancel_at`` is given back. ``transfer``: to whom it goes, or went; of
    those that came to nothing ``failed_transfers`` has the code, by the id that the subscription would have had there.
    """

    TOPIC = "subscription"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        storefront: str
        state: State
        sale: Sale
        sold: dict[tuple[str, str], Item]
        trial_ends_at: datetime | None
        term_ends_at: datetime | None
        paid_access: bool
        access_until: datetime | None
        pause: Pause | None
        renewed_periods: int
        discounts: dict[str, Discount]
        transfer: Transfer | None
        failed_transfers: dict[str, str]
        transferred_from: str | None
        gives_up_at: datetime | None
        gives_up_by: Literal["cancel", "write_off"]
        cancel_at: datetime | None
        cancel_credit: bool
        scheduled: events.SubscriptionChangeScheduled | None
        ended_at: datetime | None
        suspended_at: datetime | None
        posted: dict[Key, tuple[Posting, ...]]
        billed_until: datetime | None
        changed_from: datetime | None
        rebills: bool
        last_period: Period | None
        first_charge: str | None

    @classmethod
    def start(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        storefront: str,
        items: tuple[Item, ...],
        billing: Billing,
        timezone: str,
        started_at: datetime,
        discounts: tuple[Discount, ...] = (),
        now: datetime,
    ) -> Self:
        """Begin in trial where the terms have one, else active."""
        base = items[0]
        trial_ends_at = trial_end(base.terms, started_at, timezone)
        anchor = trial_ends_at or started_at
        sold = Agreement(start=started_at, items=items)
        term_ends_at = Sale(timezone, billing, started_at, anchor, (sold,)).term_end()
        return cls._create(
            events.SubscriptionStarted,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            storefront=storefront,
            state="trial" if trial_ends_at else "active",
            items=items,
            grants=merged(items),
            billing=billing,
            timezone=timezone,
            started_at=started_at,
            trial_ends_at=trial_ends_at,
            anchor=anchor,
            term_ends_at=term_ends_at,
            access_until=term_ends_at,
            discounts=discounts,
        )

    @classmethod
    def take_over(cls, handover: Handover, now: datetime) -> Self:
        """What another customer had: the same, counted from the same anchor, from the instant of the transfer on."""
        same = Handover.model_fields.keys() - {"clock", "to"}
        return cls._create(
            events.SubscriptionStarted,
            id=handover.to.subscription,
            timestamp=now,
            customer=handover.to.customer,
            started_at=handover.to.at,
            grants=merged(handover.items),
            access_until=handover.term_ends_at,
            **{name: getattr(handover, name) for name in same},
        )

    @property
    def access(self) -> bool:
        """Whether the customer may use it, as far as no end of access is set."""
        return self.paid_access and not self._withdrawn(self.pause)

    @staticmethod
    def _withdrawn(pause: Pause | None) -> bool:
        return pause is not None and pause.entitlements == "withdrawn"

    @property
    def base(self) -> Item:
        """The base as it was agreed last."""
        return self.sale.agreements[-1].base

    @property
    def add_ons(self) -> tuple[Item, ...]:
        return self.sale.agreements[-1].items[1:]

    @property
    def terms(self) -> Terms:
        return self.base.terms

    @property
    def currency(self) -> str:
        return self.terms.amount.currency

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def ends_at(self) -> datetime | None:
        """When it will end for sure, if that is known."""
        return None if self.sale.ending is None else self.sale.ending.at

    @property
    def change_at(self) -> datetime | None:
        """When the change that is scheduled falls due."""
        return None if self.scheduled is None else self.scheduled.effective_at

    @property
    def calendar(self) -> Calendar:
        """The base's periods."""
        return self.sale.calendar(self.base)

    @property
    def started_at(self) -> datetime:
        """From when on this customer has it."""
        return self.sale.taken_over_at or self.sale.started_at

    @property
    def transferring(self) -> bool:
        """Whether another customer was asked for and has not answered yet. Until then nothing falls due."""
        return self.transfer is not None and not self.ended

    def grants_access(self, at: datetime) -> bool:
        """Whether the customer may use what was sold, at an instant."""
        return self.access and self.started_at <= at and (self.access_until is None or at < self.access_until)

    def grants(self, at: datetime) -> tuple[Grant, ...]:
        """What was sold for an instant gives, where there is access."""
        return merged(in_force(self.sale.agreements, at).items)

    def next_bill(self) -> datetime | None:
        """When something falls due next, or None where nothing will."""
        if self.state not in ("trial", "active", "grace") or self.transferring:
            return None
        if self.rebills and self.billed_until is not None:
            return self.billed_until
        due = self.sale.next_due(self.billed_until or self._first - _INSTANT)
        # What follows the trial falls due once it is over.
        return None if self.state == "trial" and due is not None and due >= self.sale.anchor else due

    @property
    def _first(self) -> datetime:
        """Nothing is owed for what was before."""
        return self.sale.taken_over_at or min(self.sale.started_at, self.sale.anchor)

    def dues(self, until: datetime, *, inclusive: bool = True) -> Iterator[datetime]:
        """The instants up to another at which something falls due that was not billed; in order. What waits for a change is not
        among them.

        Bill at each before asking for the next.
        """
        while (due := self.next_bill()) is not None and (due <= until if inclusive else due < until) and not self.waits(due):
            yield due

    def waits(self, due: datetime) -> bool:
        """Whether a change comes before what falls due at an instant, though it was not made yet: nobody served meanwhile."""
        return self.change_at is not None and self.change_at <= due

    def metered(self, meter: str) -> list[Charge]:
        """All that was ever sold and is priced by a meter."""
        charges = (charge for item in self.sold.values() for charge in item.terms.every_charge)
        return [charge for charge in charges if charge.meter == meter]

    def unbilled(self, until: datetime, used: UsedOf | None = None) -> list[Correction]:
        """What should have been billed by an instant, minus what was; ``used`` says what was used, where anything is metered."""
        if self.ended:  # a last day may not be over yet
            until = max((span.end for span in self.sale.spans if span.end is not None), default=until)
        until = until if self.billed_until is None else max(until, self.billed_until)
        after = self.billed_until or self._first - _INSTANT
        since = self.sale.next_due(after) if self.changed_from is None else min(self.changed_from, after)
        if since is None:
            return []
        expected = list(parts(self.sale.spans, self.sale.skipped, since, until, used))
        keys = {part.key for part in expected}
        if self.changed_from is not None:
            keys |= {key for key in self.posted if key.whole_end > since or key.whole_start >= since}
        posted = [line for key in keys for line in self.posted.get(key, ())]
        return list(difference(expected, posted, self.sale.billing.proration.rounding, self.sale.taken_over_at))

    def bill(self, until: datetime, corrections: list[Correction], invoice: str | None, now: datetime) -> None:
        """Note that all that fell due by ``until`` stands on an invoice, or that there was nothing."""
        assert (invoice is None) == (not corrections)
        postings = tuple(Posted.of(each.posting) for each in corrections)
        of_base = [
            each for each in postings
            if each.item == BASE and each.amount >= 0 and each.start < each.end and not each.discount
        ]  # fmt: skip
        last = max(of_base, key=lambda each: each.start, default=None)
        later = last is not None and (self.last_period is None or last.start >= self.last_period.start)
        period = Period(start=last.start, end=last.end) if last is not None and later else None
        self.trigger_event(
            events.SubscriptionBilled, timestamp=now, until=until, invoice=invoice, postings=postings, period=period
        )

    def posted_for(self, posting: Posting) -> tuple[Item, Charge]:
        """What an amount is for, as it was agreed."""
        agreement, _, phase = posting.agreement.partition("#")
        item = self.sold[posting.key.item, agreement]
        return item, next(charge for charge in item.charges(phase) if charge.id == posting.key.charge)

    def posted_on(self, invoice: str) -> list[Posting]:
        """What stands on an invoice."""
        return [line for lines in self.posted.values() for line in lines if line.invoice == invoice]

    def timers(self) -> tuple[tuple[str, datetime], ...]:
        """What falls due on it by time alone, as (kind, due)."""
        if self.ended or self.transferring:
            return ()
        found = (
            ("cancel", self.cancel_at),
            ("expire", self.term_ends_at if self.state != "trial" else None),
            ("change", self.change_at if self.state != "suspended" else None),
            ("resume", None if self.pause is None else self.pause.resumes_at),
            ("give_up", self.gives_up_at),
            ("trial_end", self.trial_ends_at if self.state == "trial" else None),
            ("bill", self.next_bill()),
        )
        return tuple((kind, due) for kind, due in found if due is not None)

    def _check(self, verb: str) -> None:
        """Whether somebody may do this by will."""
        lifecycle.check(self.state, verb)
        if self.transferring:
            raise WrongState("transfer_pending", "It is about to be another customer's.")

    def activate(self, now: datetime) -> None:
        """End the trial."""
        lifecycle.check(self.state, "activate")
        assert self.trial_ends_at is not None
        self.trigger_event(events.SubscriptionActivated, timestamp=now, activated_at=self.trial_ends_at)

    def set_trial_end(self, at: datetime, now: datetime) -> None:
        """Let the trial last until another instant; the fixed term, where there is one, moves with it."""
        self._check("set_trial_end")
        term_ends_at = replace(self.sale, anchor=at).term_end()
        until, scheduled = _earliest(self.cancel_at, term_ends_at), self.scheduled
        if scheduled is not None and scheduled.effective_at == self.trial_ends_at:  # with the trial's end, whenever that is
            self.schedule_change(scheduled.postponed(at).items, at, now)
        self.trigger_event(
            events.SubscriptionTrialEndSet, timestamp=now, trial_ends_at=at, term_ends_at=term_ends_at, access_until=until
        )

    def change(
        self,
        items: tuple[Item, ...],
        effective_at: datetime,
        now: datetime,
        *,
        trial_ends_at: datetime | None,
    ) -> None:
        """Sell something else from an instant on. Another price brings a fixed term of its own, or none."""
        self._check("change")
        term_ends_at = self.term_ends_at
        anchor = trial_ends_at if self.state == "trial" and trial_ends_at is not None else self.sale.anchor
        if items[0].terms.price != self.base.terms.price or anchor != self.sale.anchor:
            sold = replaced(self.sale.agreements, Agreement(start=effective_at, items=items))
            term_ends_at = replace(self.sale, anchor=anchor, agreements=sold).term_end()
        self.trigger_event(
            events.SubscriptionChanged,
            timestamp=now,
            effective_at=effective_at,
            items=items,
            grants=merged(items),
            trial_ends_at=trial_ends_at,
            term_ends_at=term_ends_at,
            access_until=_earliest(self.cancel_at, term_ends_at),
            next_change_at=self.change_at if self.change_at is not None and self.change_at > effective_at else None,
        )

    def schedule_change(self, items: tuple[Item, ...], effective_at: datetime, now: datetime) -> None:
        """Sell something else later, instead of what was scheduled so far."""
        self._check("change")
        self.trigger_event(events.SubscriptionChangeScheduled, timestamp=now, effective_at=effective_at, items=items)

    def withdraw_change(self, now: datetime) -> None:
        """Go on as now."""
        if self.ended or self.scheduled is None:
            raise WrongState("no_change_scheduled", "No change is scheduled.", lifecycle.allowed(self.state))
        self.trigger_event(events.SubscriptionChangeWithdrawn, timestamp=now, effective_at=self.scheduled.effective_at)

    def failure_counts(self, invoice: str) -> bool:
        """Whether a failed charge of an invoice changes anything: grace begins, or in it the very first charge takes access."""
        return self.state == "active" or (self.state == "grace" and self.access and invoice == self.first_charge)

    def enter_grace(self, invoice: str, now: datetime) -> None:
        """A charge failed and will be retried; the very first charge's failure takes access with it."""
        lifecycle.check(self.state, "enter_grace")
        access = self.access and invoice != self.first_charge
        self.trigger_event(events.SubscriptionGraceEntered, timestamp=now, invoice=invoice, access=access)

    def suspend(self, invoice: str, dunning: DunningPolicy, now: datetime) -> None:
        """The retries are used up."""
        lifecycle.check(self.state, "suspend")
        days = dunning.give_up_after_days
        self.trigger_event(
            events.SubscriptionSuspended,
            timestamp=now,
            invoice=invoice,
            suspended_at=now,
            gives_up_at=None if days is None else add(now, self.sale.timezone, "day", days),
            gives_up_by=dunning.give_up_by,
        )

    def reinstate(self, now: datetime) -> None:
        """Nothing is overdue any more; periods begun while suspended are skipped."""
        lifecycle.check(self.state, "reinstate")
        access = not self._withdrawn(self.pause)
        self.trigger_event(events.SubscriptionReinstated, timestamp=now, reinstated_at=now, access=access)

    def rest(self, pause: Pause, now: datetime) -> None:
        """Pause it; raises WrongState where it rests already, or has no life to pause."""
        self._check("pause")
        if self.pause is not None:
            raise WrongState("paused", f"It is paused since {self.pause.paused_at.isoformat()}.", lifecycle.allowed(self.state))
        access = self.paid_access and not self._withdrawn(pause)
        self.trigger_event(events.SubscriptionPaused, timestamp=now, pause=pause, access=access)

    def resume(self, at: datetime, now: datetime) -> None:
        """End the pause; raises WrongState where there is none."""
        if self.ended or self.pause is None:
            raise WrongState("not_paused", "It is not paused.", lifecycle.allowed(self.state))
        self.trigger_event(events.SubscriptionResumed, timestamp=now, resumed_at=at, access=self.paid_access)

    def renew(self, periods: int, now: datetime) -> None:
        """Let the fixed term go on for so many more periods."""
        self._check("renew")
        term_ends_at = self.sale.term_end(self.renewed_periods + periods)
        if term_ends_at is None:
            raise WrongState("no_fixed_term", "It runs until it is cancelled.", lifecycle.allowed(self.state))
        until = _earliest(self.cancel_at, term_ends_at)
        assert until is not None
        self.trigger_event(
            events.SubscriptionRenewed, timestamp=now, periods=periods, term_ends_at=term_ends_at, access_until=until
        )

    def discount(self, discount: Discount, now: datetime) -> None:
        """Take something off; raises WrongState where it has ended."""
        self._check("discount")
        self.trigger_event(events.SubscriptionDiscounted, timestamp=now, discount=discount)

    def end_discount(self, id: str, now: datetime) -> None:
        """Take it off no longer."""
        self._check("discount")
        self.trigger_event(events.SubscriptionDiscountEnded, timestamp=now, discount=id, ended_at=now)

    def withdraw_invoice(self, invoice: str, now: datetime, *, rebill: bool) -> None:
        """What stood on it is not owed, and will be billed anew or not."""
        self.trigger_event(events.SubscriptionInvoiceWithdrawn, timestamp=now, invoice=invoice, rebill=rebill)

    def charged_apart_from(self, invoice: str) -> bool:
        """Whether something was charged on another invoice."""
        return any(line.invoice != invoice and line.amount > 0 for lines in self.posted.values() for line in lines)

    def left_of(self, posting: Posting) -> int:
        """What of an amount, less its discounts, neither changes gave back since nor credit notes gave up."""
        priced = [
            line
            for key, lines in self.posted.items()
            if key._replace(discount=posting.key.discount) == posting.key
            for line in lines
            if line.agreement == posting.agreement
        ]
        return max(0, sum(line.amount - line.waived for line in priced))

    def waive(self, posting: Posting, amount: int, now: datetime) -> None:
        """Note that a credit note gave up so much of what stands on an invoice."""
        posted = Posted.of(posting)
        self.trigger_event(events.SubscriptionLineWaived, timestamp=now, invoice=posting.invoice, posted=posted, amount=amount)

    def use_late(self, meter: str, at: datetime, now: datetime) -> None:
        """Note usage of a time that was billed already."""
        self.trigger_event(events.SubscriptionUsedLate, timestamp=now, meter=meter, at=at)

    def request_transfer(self, transfer: Transfer, now: datetime) -> None:
        """Let another customer have it; raises WrongState where it rests, or where something is scheduled for it."""
        self._check("transfer")
        if self.pause is not None:
            raise WrongState("paused", "It is paused: resume it first.", lifecycle.allowed(self.state))
        if self.cancel_at is not None or self.scheduled is not None:
            detail = "Something is scheduled for it: withdraw that first."
            raise WrongState("change_scheduled", detail, lifecycle.allowed(self.state))
        self.trigger_event(events.SubscriptionTransferRequested, timestamp=now, transfer=transfer)

    def fail_transfer(self, code: str, now: datetime) -> None:
        """It stays here."""
        assert self.transfer is not None
        self.trigger_event(events.SubscriptionTransferFailed, timestamp=now, transfer=self.transfer, code=code)

    def end_transferred(self, now: datetime) -> None:
        """Another customer has it by now."""
        transfer = self.transfer
        assert transfer is not None
        until = _earliest(self.access_until, transfer.at)
        assert until is not None
        self.trigger_event(events.SubscriptionTransferred, timestamp=now, transfer=transfer, access_until=until)

    def cancel(self, at: datetime, now: datetime, *, credit: bool = False) -> None:
        """End it by will, as of an instant."""
        self._check("cancel")
        until = at if self.access_until is None else min(at, self.access_until)
        self.trigger_event(events.SubscriptionCancelled, timestamp=now, cancelled_at=at, access_until=until, credit=credit)

    def cancel_at_period_end(self, now: datetime, *, credit: bool = False) -> None:
        """End it with the trial or with the period that runs now; nothing is billed from then on."""
        self.schedule_cancellation(self.period_end(now), now, credit=credit)

    def schedule_cancellation(self, at: datetime, now: datetime, *, credit: bool) -> None:
        """End it later."""
        self._check("cancel")
        if self.ends_at is not None and self.ends_at <= at:
            raise WrongState(
                "end_already_scheduled", f"It ends at {self.ends_at.isoformat()} already.", lifecycle.allowed(self.state)
            )
        self.trigger_event(events.SubscriptionCancellationScheduled, timestamp=now, cancel_at=at, access_until=at, credit=credit)

    def withdraw_cancellation(self, now: datetime) -> None:
        """Go on, as if no end had been scheduled."""
        if self.ended or self.cancel_at is None:
            raise WrongState("no_cancellation_scheduled", "No cancellation is scheduled.", lifecycle.allowed(self.state))
        self.trigger_event(events.SubscriptionCancellationWithdrawn, timestamp=now, access_until=self.term_ends_at)

    def period_end(self, now: datetime) -> datetime:
        """The end of the trial, or of the base's period that runs now."""
        if self.state == "trial":
            assert self.trial_ends_at is not None
            return self.trial_ends_at
        calendar = self.calendar
        return calendar.end(calendar.index_at(max(now, calendar.anchor)))

    def expire(self, now: datetime) -> None:
        """The fixed term is over."""
        lifecycle.check(self.state, "expire")
        assert self.term_ends_at is not None
        self.trigger_event(
            events.SubscriptionExpired, timestamp=now, expired_at=self.term_ends_at, access_until=self.term_ends_at
        )


def trial_end(terms: Terms, started_at: datetime, timezone: str) -> datetime | None:
    """Where a trial from an instant on ends, or None where the terms have none."""
    return add(started_at, timezone, "day", terms.trial_days) if terms.trial_days else None


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((each for each in instants if each is not None), default=None)
