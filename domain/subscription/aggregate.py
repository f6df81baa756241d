"""The subscription decides its own life; access is a function of it and of the time alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Self

from domain.catalog.terms import Grant, Terms
from domain.errors import WrongState
from domain.event import Aggregate
from domain.subscription import events, lifecycle, periods
from domain.subscription.events import Period
from domain.subscription.lifecycle import ENDED, State


class Subscription(Aggregate):
    """``next_index`` is the first period not yet billed nor skipped; ``first_charge`` the first invoice with something to pay."""

    TOPIC = "subscription"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        storefront: str
        state: State
        terms: Terms
        grants: tuple[Grant, ...]
        timezone: str
        started_at: datetime
        trial_ends_at: datetime | None
        anchor: datetime
        term_ends_at: datetime | None
        access: bool
        access_until: datetime | None
        cancel_at: datetime | None
        ended_at: datetime | None
        suspended_at: datetime | None
        next_index: int
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
        terms: Terms,
        grants: tuple[Grant, ...],
        timezone: str,
        started_at: datetime,
        now: datetime,
    ) -> Self:
        """Begin in trial where the terms have one, else active."""
        trial_ends_at = periods.add(started_at, timezone, "day", terms.trial_days) if terms.trial_days else None
        anchor = trial_ends_at or started_at
        term_ends_at = periods.boundary(anchor, timezone, terms.interval, terms.term_periods) if terms.term_periods else None
        return cls._create(
            events.SubscriptionStarted,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            storefront=storefront,
            state="trial" if trial_ends_at else "active",
            terms=terms,
            grants=grants,
            timezone=timezone,
            started_at=started_at,
            trial_ends_at=trial_ends_at,
            anchor=anchor,
            term_ends_at=term_ends_at,
            access_until=term_ends_at,
        )

    def grants_access(self, at: datetime) -> bool:
        """Whether the customer may use what was sold, at an instant."""
        return self.access and self.started_at <= at and (self.access_until is None or at < self.access_until)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def ends_at(self) -> datetime | None:
        """When it will end for sure, if that is known."""
        known = [at for at in (self.cancel_at, self.term_ends_at) if at is not None]
        return min(known, default=None)

    def next_period(self) -> Period:
        """The period that is billed next, if any will be."""
        return periods.billable(self.anchor, self.timezone, self.terms.interval, self.next_index)

    def _next_period_start(self) -> datetime | None:
        """When the next bill falls due, or None where none will."""
        if self.state not in ("active", "grace"):
            return None
        start = periods.boundary(self.anchor, self.timezone, self.terms.interval, self.next_index)
        return start if self.ends_at is None or start < self.ends_at else None

    def unbilled_periods(self, until: datetime, *, inclusive: bool = True) -> Iterator[Period]:
        """All periods begun by an instant, not yet billed, and not begun while suspended; in order.

        Bill each before asking for the next.
        """
        while (start := self._next_period_start()) is not None and (start <= until if inclusive else start < until):
            yield self.next_period()

    def timers(self) -> tuple[tuple[str, datetime], ...]:
        """What falls due on it by time alone, as (kind, due)."""
        if self.ended:
            return ()
        bill_at = self._next_period_start()
        found = (
            ("cancel", self.cancel_at),
            ("expire", self.term_ends_at if self.state != "trial" else None),
            ("trial_end", self.trial_ends_at if self.state == "trial" else None),
            ("bill", bill_at),
        )
        return tuple((kind, due) for kind, due in found if due is not None)

    def activate(self, now: datetime) -> None:
        """End the trial."""
        lifecycle.check(self.state, "activate")
        assert self.trial_ends_at is not None
        self.trigger_event(events.SubscriptionActivated, timestamp=now, activated_at=self.trial_ends_at)

    def bill(self, period: Period, invoice: str, now: datetime) -> None:
        """Note that a period stands on an invoice."""
        assert period == self.next_period(), "a period is billed once and in order"
        assert self.state in ("active", "grace"), self.state
        self.trigger_event(
            events.SubscriptionPeriodBilled, timestamp=now, period=period, invoice=invoice, amount=self.terms.amount
        )

    def failure_counts(self, invoice: str) -> bool:
        """Whether a failed charge of an invoice changes anything: grace begins, or in it the very first charge takes access."""
        return self.state == "active" or (self.state == "grace" and self.access and invoice == self.first_charge)

    def enter_grace(self, invoice: str, now: datetime) -> None:
        """A charge failed and will be retried; the very first charge's failure takes access with it."""
        lifecycle.check(self.state, "enter_grace")
        access = self.access and invoice != self.first_charge
        self.trigger_event(events.SubscriptionGraceEntered, timestamp=now, invoice=invoice, access=access)

    def suspend(self, invoice: str, now: datetime) -> None:
        """The retries are used up."""
        lifecycle.check(self.state, "suspend")
        self.trigger_event(events.SubscriptionSuspended, timestamp=now, invoice=invoice, suspended_at=now)

    def reinstate(self, now: datetime) -> None:
        """Nothing is overdue any more; periods begun while suspended are skipped."""
        lifecycle.check(self.state, "reinstate")
        next_index = self.next_index
        if self.state == "suspended":
            from_now = periods.first_index_from(self.anchor, self.timezone, self.terms.interval, now)
            next_index = max(next_index, from_now)
        self.trigger_event(events.SubscriptionReinstated, timestamp=now, reinstated_at=now, next_index=next_index)

    def cancel(self, at: datetime, now: datetime) -> None:
        """End it by will, as of an instant."""
        lifecycle.check(self.state, "cancel")
        until = at if self.access_until is None else min(at, self.access_until)
        self.trigger_event(events.SubscriptionCancelled, timestamp=now, cancelled_at=at, access_until=until)

    def cancel_at_period_end(self, now: datetime) -> None:
        """End it with the trial or with the period that runs now; nothing is billed from then on."""
        lifecycle.check(self.state, "cancel")
        at = self.trial_ends_at if self.state == "trial" else self._period_end(now)
        assert at is not None
        if self.ends_at is not None and self.ends_at <= at:
            raise WrongState(
                "end_already_scheduled", f"It ends at {self.ends_at.isoformat()} already.", lifecycle.allowed(self.state)
            )
        self.trigger_event(events.SubscriptionCancellationScheduled, timestamp=now, cancel_at=at, access_until=at)

    def _period_end(self, now: datetime) -> datetime:
        return periods.period_at(self.anchor, self.timezone, self.terms.interval, max(now, self.anchor)).end

    def expire(self, now: datetime) -> None:
        """The fixed term is over."""
        lifecycle.check(self.state, "expire")
        assert self.term_ends_at is not None
        self.trigger_event(
            events.SubscriptionExpired, timestamp=now, expired_at=self.term_ends_at, access_until=self.term_ends_at
        )
