"""A subscription's life judged from its events: by the table, by the standard library's calendar and by nothing else of the
program's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.catalog.terms import Interval
from domain.event import Event
from domain.subscription import events
from domain.subscription.aggregate import Subscription
from domain.subscription.lifecycle import ENDED, TRANSITIONS, State
from tests.unit.domain.test_periods import expected_boundary

VERBS: dict[type[Event], str] = {
    events.SubscriptionActivated: "activate",
    events.SubscriptionGraceEntered: "enter_grace",
    events.SubscriptionSuspended: "suspend",
    events.SubscriptionReinstated: "reinstate",
    events.SubscriptionCancelled: "cancel",
    events.SubscriptionExpired: "expire",
}
DAILY = Interval(unit="day", count=1)


class Course:
    """``next`` is the first period neither billed nor skipped; ``billed`` lists (invoice, (begin, end, amount));
    ``withheld``: the first charge failed, access went with it.
    """

    def __init__(self, sold: events.SubscriptionStarted) -> None:
        self.sold = sold
        self.state: State = sold.state
        self.next = 0
        self.withheld = False
        self.billed: list[tuple[str, tuple[datetime, datetime, int]]] = []
        self._first_charge: str | None = None
        self._last_bill: tuple[str, datetime] | None = None  # its command, the begin of its period
        trial = sold.items[0].terms.trial_days
        self.trial_end = expected_boundary(sold.started_at, sold.timezone, DAILY, trial) if trial else None
        assert (sold.trial_ends_at, sold.anchor) == (self.trial_end, self.trial_end or sold.started_at)
        assert sold.state == ("trial" if trial else "active")
        term = sold.items[0].terms.term_periods
        self.ends = [self.boundary(term)] if term else []
        assert sold.term_ends_at == next(iter(self.ends), None)

    def boundary(self, index: int) -> datetime:
        """The begin of a period."""
        sold = self.sold
        return sold.anchor if index == 0 else expected_boundary(sold.anchor, sold.timezone, sold.items[0].terms.interval, index)

    def next_start(self) -> datetime:
        """The begin of the next period that is not empty."""
        while self.boundary(self.next) == self.boundary(self.next + 1):
            self.next += 1
        return self.boundary(self.next)

    def left_out_before(self, instant: datetime) -> bool:
        """Whether a period that should stand on a bill began before an instant and does not."""
        start = self.next_start()
        return self.state in ("active", "grace") and start < instant and all(start < end for end in self.ends)

    def follow(self, event: Event, command: str, due: datetime) -> None:
        """The next event, by a command that was due at an instant."""
        match event:
            case events.SubscriptionBilled():
                self._billed(event, command)
            case events.SubscriptionCancellationScheduled():
                self._cancellation_scheduled(event)
            case events.SubscriptionSuspended() if self._last_bill and self._last_bill[0] == command:
                assert not self.left_out_before(self._last_bill[1])  # that very bill could not be paid
            case events.SubscriptionSuspended():
                assert not self.left_out_before(due)
            case events.SubscriptionReinstated():
                self._reinstated(event)
            case events.SubscriptionGraceEntered():
                self.withheld |= event.invoice == self._first_charge
                assert event.access != self.withheld
            case events.SubscriptionCancelled():
                self._ended(event.cancelled_at)
            case events.SubscriptionExpired():
                self._ended(self.ends[0])
                assert event.expired_at == self.ends[0]
        if type(event) in VERBS:
            self.state = TRANSITIONS[self.state, VERBS[type(event)]]

    def _billed(self, event: events.SubscriptionBilled, command: str) -> None:
        start = self.next_start()
        assert self.state in ("active", "grace")
        (posting,) = event.postings
        assert (posting.start, posting.end) == (start, self.boundary(self.next + 1))
        assert start <= event.timestamp
        assert all(start < end for end in self.ends)
        assert posting.amount == self.sold.items[0].terms.amount.amount
        assert event.invoice is not None
        self.next += 1
        self.billed.append((event.invoice, (start, posting.end, posting.amount)))
        self._last_bill = command, start
        if self._first_charge is None and posting.amount:
            self._first_charge = event.invoice

    def _cancellation_scheduled(self, event: events.SubscriptionCancellationScheduled) -> None:
        expected = self.boundary(self._first_from(event.timestamp + timedelta.resolution, least=1))
        assert event.cancel_at == (self.trial_end if self.state == "trial" else expected)
        assert all(event.cancel_at < end for end in self.ends)
        self.ends.append(event.cancel_at)

    def _reinstated(self, event: events.SubscriptionReinstated) -> None:
        self.withheld = False
        if self.state == "suspended":
            self.next = max(self.next, self._first_from(event.timestamp))

    def _first_from(self, instant: datetime, least: int = 0) -> int:
        index = least
        while self.boundary(index) < instant:
            index += 1
        return index

    def _ended(self, at: datetime) -> None:
        assert not self.left_out_before(at)
        self.ends.append(at)

    def check(self, subscription: Subscription, until: datetime) -> None:
        """The subscription is as its course says, and all that fell due before an instant was done."""
        assert subscription.state == self.state
        assert not self.left_out_before(until)
        if self.state == "trial":
            assert self.trial_end is not None
            assert self.trial_end >= until
        if self.state not in ENDED:
            assert all(end >= until for end in self.ends)
        for ahead in (timedelta(0), timedelta(seconds=1), timedelta(days=3), timedelta(days=400)):
            assert subscription.grants_access(until + ahead) == self._grants(until + ahead)

    def _grants(self, at: datetime) -> bool:
        holds = self.state in ("trial", "active") or (self.state == "grace" and not self.withheld)
        return holds and self.sold.started_at <= at and all(at < end for end in self.ends)
