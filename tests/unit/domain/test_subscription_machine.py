"""Any sequence of allowed verbs, at any time: the table is kept, and an independent model agrees on what is billed and granted.

The model knows only which state held when, and the local calendar by the standard library.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.catalog.policy import DunningPolicy
from domain.event import Event
from domain.money import Money
from domain.subscription.aggregate import Subscription
from domain.subscription.events import SubscriptionBilled
from domain.subscription.lifecycle import TRANSITIONS, allowed
from tests.unit.domain.make import INVOICE, at, subscription
from tests.unit.domain.scenario import fold, taken
from tests.unit.domain.test_periods import expected_boundary, interval

# One instant, several timers: this is their order (payment outcomes, here the verbs, come before them all).
TIMER_ORDER = {"cancel": 0, "expire": 0, "trial_end": 1, "bill": 2}
STARTS = [("2011-12-27T20:00", "Pacific/Apia"), ("2026-01-31T22:30", "Europe/Berlin"), ("2028-02-29T00:00", "UTC")]


class SubscriptionMachine(RuleBasedStateMachine):
    """``held`` is the model's memory: (from, state) in order; ``failed_first``: the first charge failed, access went with it."""

    @initialize(
        start=st.sampled_from(STARTS),
        every=st.sampled_from([interval("day"), interval("day", 3), interval("week"), interval("month"), interval("year")]),
        trial_days=st.sampled_from([0, 0, 1, 14]),
        term_periods=st.sampled_from([None, None, 1, 3, 8]),
        amount=st.sampled_from([0, 1000, 1000]),
    )
    def start(self, start: tuple[str, str], every: object, trial_days: int, term_periods: int | None, amount: int) -> None:
        moment, zone = start
        self.sold = subscription(
            started_at=at(moment),
            timezone=zone,
            interval=every,
            trial_days=trial_days,
            term_periods=term_periods,
            amount=Money(amount=amount, currency="EUR"),
        )
        self.events: list[Event] = []
        self.now = at(moment)
        self.held: list[tuple[datetime, str]] = [(self.now, self.sold.state)]
        self.scheduled_end: datetime | None = None
        self.failed_first = False
        self.play()

    # ---- time ------------------------------------------------------------------------------------------------------------------

    def play(self, until: datetime | None = None) -> None:
        """Fire every timer due, in order: before ``until``, or up to now."""
        while True:
            due = [
                (when, TIMER_ORDER[kind], kind)
                for kind, when in self.sold.timers()
                if (when < until if until is not None else when <= self.now)
            ]
            if not due:
                break
            when, _, kind = min(due)
            self.fire(kind, max(when, self.held[-1][0]))
        self.events += taken(self.sold)

    def fire(self, kind: str, when: datetime) -> None:
        match kind:
            case "cancel":
                self.sold.cancel(when, when)
            case "expire":
                self.sold.expire(when)
            case "trial_end":
                self.sold.activate(when)
            case "bill":
                for due in self.sold.dues(when):
                    self.sold.bill(due, self.sold.unbilled(due), f"{INVOICE}{len(self.sold.posted)}", when)
        if kind != "bill":
            self.held.append((when, self.sold.state))

    def move(self, by: timedelta | None) -> None:
        """Let time pass, or, without ``by``, go to the very instant at which the next timer is due (an hour on where none is)."""
        due = [when for _, when in self.sold.timers()]
        to = min(due, default=self.now + timedelta(hours=1)) if by is None else self.now + by
        self.play(until=to)
        self.now = to

    deltas = st.none() | st.builds(timedelta, days=st.integers(0, 70), seconds=st.integers(1, 86_399))

    # ---- verbs -----------------------------------------------------------------------------------------------------------------

    def act(self, verb: str) -> None:
        state = self.sold.state
        match verb:
            case "enter_grace":
                invoice = self.last_invoice()
                self.failed_first |= invoice is not None and invoice == self.sold.first_charge
                self.sold.enter_grace(invoice or "none", self.now)
            case "suspend":
                self.sold.suspend(self.last_invoice() or "none", DunningPolicy(), self.now)
            case "reinstate":
                self.failed_first = False
                self.sold.reinstate(self.now)
            case "cancel":
                self.sold.cancel(self.now, self.now)
        assert self.sold.state == TRANSITIONS[state, verb]
        self.held.append((self.now, self.sold.state))

    def last_invoice(self) -> str | None:
        billed = self.billed()
        return billed[-1].invoice if billed else None

    def billed(self) -> list[SubscriptionBilled]:
        return [event for event in self.events if isinstance(event, SubscriptionBilled)]

    @rule(by=deltas)
    def time_passes(self, by: timedelta | None) -> None:
        self.move(by)
        self.play()

    @precondition(lambda self: not self.sold.ended)
    @rule(by=deltas, verb=st.sampled_from([*["enter_grace", "suspend", "reinstate"] * 2, "cancel"]))
    def something_happens(self, by: timedelta | None, verb: str) -> None:
        self.move(by)
        if verb in allowed(self.sold.state):
            self.act(verb)
        self.play()

    @precondition(lambda self: not self.sold.ended and self.scheduled_end is None)
    @rule(by=deltas)
    def cancellation_is_scheduled(self, by: timedelta | None) -> None:
        self.move(by)
        end = self.expected_period_end()
        if "cancel" in allowed(self.sold.state) and (self.term_end() is None or end < (self.term_end() or end)):
            self.sold.cancel_at_period_end(self.now)
            self.scheduled_end = end
            assert self.sold.cancel_at == end
        self.play()

    # ---- the model -------------------------------------------------------------------------------------------------------------

    def boundary(self, index: int) -> datetime:
        sale, every = self.sold.sale, self.sold.terms.interval
        return sale.anchor if index == 0 else expected_boundary(sale.anchor, sale.timezone, every, index)

    def term_end(self) -> datetime | None:
        return self.boundary(self.sold.terms.term_periods) if self.sold.terms.term_periods else None

    def expected_period_end(self) -> datetime:
        """The end of the trial, be it this very instant, or the first boundary after now."""
        if self.held[-1][1] == "trial":
            return self.sold.sale.anchor
        index = 1
        while self.boundary(index) <= self.now:
            index += 1
        return self.boundary(index)

    def state_at(self, instant: datetime) -> str:
        return [state for since, state in self.held if since <= instant][-1]

    def model_grants(self, instant: datetime) -> bool:
        """Access, as of the state that holds now, at an instant from now on."""
        state = self.held[-1][1]
        ends = [end for end in (self.scheduled_end, self.term_end()) if end is not None]
        holds = state in ("trial", "active") or (state == "grace" and not self.failed_first)
        return holds and all(instant < end for end in ends)

    @invariant()
    def exactly_what_should_be_is_billed(self) -> None:
        ends = [end for end in (self.scheduled_end, self.term_end()) if end is not None]
        expected, index = [], 0
        while (start := self.boundary(index)) <= self.now:
            begun_in = self.state_at(start)
            if begun_in in ("active", "grace") and start < self.boundary(index + 1) and all(start < end for end in ends):
                expected.append((start, self.boundary(index + 1)))
            index += 1
        found = [(posting.start, posting.end) for event in self.billed() for posting in event.postings]
        assert found == expected

    @invariant()
    def access_is_what_the_state_says(self) -> None:
        for ahead in (timedelta(0), timedelta(seconds=1), timedelta(days=3), timedelta(days=400)):
            assert self.sold.grants_access(self.now + ahead) == self.model_grants(self.now + ahead)

    @invariant()
    def a_reader_of_the_access_fields_alone_knows_access(self) -> None:
        """What a projection does: keep the last ``access`` and ``access_until`` that an event named."""
        row: dict[str, object] = {}
        for event in self.events:
            row |= {name: value for name, value in event if name in ("access", "access_until")}
        assert row == {"access": self.sold.access, "access_until": self.sold.access_until}

    @invariant()
    def folding_the_events_again_gives_the_same(self) -> None:
        assert fold(self.events, Subscription) == self.sold

    @invariant()
    def nothing_due_was_left_behind(self) -> None:
        assert all(when > self.now for _, when in self.sold.timers())

    @invariant()
    def business_times_never_fall(self) -> None:
        times = [event.timestamp.astimezone(UTC) for event in self.events]
        assert times == sorted(times)


TestSubscriptionMachine = SubscriptionMachine.TestCase
TestSubscriptionMachine.settings = settings(max_examples=80, stateful_step_count=20, deadline=None)
