"""Billing as a difference: the examples of the peers, and what holds whatever was sold, changed and billed when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.terms import Charge, Interval
from domain.money import Rounding
from domain.pricing.calendar import Calendar
from domain.pricing.difference import Posting, difference, reckoned
from domain.pricing.expected import Part, Span, Stretch, next_due, parts
from domain.pricing.models import Flat
from domain.pricing.proration import Proration

DAY = Proration(by="day")
MONTH, YEAR = Interval(unit="month"), Interval(unit="year")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def span(
    agreement: str,
    start: datetime,
    end: datetime | None,
    calendar: Calendar,
    *charges: Charge,
    proration: Proration = DAY,
    whole_last: bool = False,
) -> Span:
    return Span("item", agreement, start, end, calendar, charges, Decimal(1), proration, whole_last=whole_last)


def fee(amount: int, **others: Any) -> Charge:
    return Charge(id="fee", name="Fee", pricing=Flat(amount=amount), **others)


def sold(amount: int, start: str, end: str | None = None, *, calendar: Calendar | None = None, whole_last: bool = False) -> Span:
    calendar = calendar or Calendar(anchor=at(start), timezone="UTC", interval=MONTH)
    return span(str(amount), at(start), at(end) if end else None, calendar, fee(amount), whole_last=whole_last)


def expected(spans: Iterable[Span], until: datetime, skipped: Sequence[Stretch] = ()) -> list[Part]:
    return list(parts(list(spans), skipped, LONG_AGO, until))


def corrected(wanted: Iterable[Part], posted: Sequence[Posting] = (), rounding: Rounding = "half_up") -> list[Posting]:
    return [each.posting for each in difference(wanted, posted, rounding)]


def bill(spans: Sequence[Span], until: str, posted: Sequence[Posting] = (), skipped: Sequence[Stretch] = ()) -> list[Posting]:
    return corrected(expected(spans, at(until), skipped), posted)


def shown(lines: Sequence[Posting]) -> list[tuple[str, str, int]]:
    return [(f"{line.start:%m-%d}", f"{line.end:%m-%d}", line.amount) for line in lines]


def test_a_month_in_advance() -> None:
    assert shown(bill([sold(999, "2026-01-31")], "2026-02-28")) == [("01-31", "02-28", 999), ("02-28", "03-31", 999)]


@pytest.mark.parametrize(
    ("anchor", "day", "interval", "price", "first"),
    [
        ("2026-02-01", 13, MONTH, 3100, 1200),  # 12 of 31 days
        ("2015-03-15", 1, YEAR, 36600, 35200),  # 352 of 366
        ("2026-04-30", 31, MONTH, 1000, 1000),  # on the billing day
    ],
)
def test_a_first_partial_period_is_its_share_of_the_whole_one(
    anchor: str, day: int, interval: Interval, price: int, first: int
) -> None:
    calendar = Calendar(anchor=at(anchor), timezone="UTC", interval=interval, billing_day=day)
    (line,) = bill([sold(price, anchor, calendar=calendar)], anchor)
    assert line.amount == first


def test_an_upgrade_takes_back_what_is_not_used_and_bills_the_rest() -> None:
    # given a month that is paid for
    calendar = Calendar(anchor=at("2026-01-01"), timezone="UTC", interval=MONTH)
    posted = bill([sold(3100, "2026-01-01", calendar=calendar)], "2026-01-01")
    # when something else is sold from the 11th on
    changed = [
        sold(3100, "2026-01-01", "2026-01-11", calendar=calendar),
        sold(6200, "2026-01-11", calendar=calendar),
    ]
    lines = bill(changed, "2026-01-11", posted)
    # then
    assert shown(lines) == [("01-11", "02-01", -2100), ("01-11", "02-01", 4200)]
    # and when all is changed back as of the same instant, it comes to nothing
    back = bill([sold(3100, "2026-01-01", calendar=calendar)], "2026-01-11", [*posted, *lines])
    assert sum(line.amount for line in (*lines, *back)) == 0


def test_a_cancellation_takes_back_the_rest_once() -> None:
    posted = bill([sold(1000, "2026-01-01")], "2026-02-01")
    ended = [sold(1000, "2026-01-01", "2026-01-16")]
    lines = bill(ended, "2026-02-01", posted)
    assert shown(lines) == [("01-16", "02-01", -516), ("02-01", "03-01", -1000)]
    assert bill(ended, "2026-02-01", [*posted, *lines]) == []


def test_thirds_of_ten_make_ten() -> None:
    key = bill([sold(1, "2026-01-01")], "2026-01-01")[0].key
    day, next_day = at("2026-01-01"), at("2026-01-02")
    part = Part(key, "", fee(1000), Decimal(1), day, next_day, day, Fraction(1000), Fraction(1, 3))
    assert [owed.amount for owed in reckoned([part] * 3, "half_up")] == [333, 334, 333]


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda found: found.replace(tzinfo=UTC))
calendars = st.builds(
    Calendar,
    anchor=st.just(at("2026-01-01")),
    timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    interval=st.sampled_from([MONTH, YEAR, Interval(unit="week", count=2)]),
    billing_day=st.none() | st.integers(1, 31),
)
prorations = st.builds(Proration, by=st.sampled_from(["day", "second"]), rounding=st.sampled_from(["half_up", "half_even"]))
prices = st.integers(0, 10_000)


@st.composite
def histories(draw: st.DrawFn, proration: Proration) -> list[Span]:
    """One item on one calendar, sold at prices that change."""
    calendar = draw(calendars)
    changes = sorted({calendar.anchor, *draw(st.lists(instants, max_size=4))})
    ends = [*changes[1:], draw(st.none() | instants.filter(lambda end: end > changes[-1]))]
    amount = {change: draw(prices) for change in changes}
    return [
        span(f"{start} {amount[start]}", start, end, calendar, fee(amount[start]), proration=proration)
        for start, end in zip(changes, ends, strict=True)
    ]


@given(st.data(), prorations, st.lists(instants, min_size=1, max_size=4))
def test_however_often_and_whatever_was_billed_before_the_sum_is_right(
    data: st.DataObject, proration: Proration, times: list[datetime]
) -> None:
    # given bills of what was thought to be sold at some times
    rounding, posted = proration.rounding, list[Posting]()
    for until in times[1:]:
        posted += corrected(expected(data.draw(histories(proration)), until), posted, rounding)
    # when it is billed as it is
    wanted = expected(data.draw(histories(proration)), max(times))
    posted += corrected(wanted, posted, rounding)
    # then the sum is that of who bills for the first time, and there is nothing left to bill
    assert sum(line.amount for line in posted) == sum(line.amount for line in corrected(wanted, (), rounding))
    assert corrected(wanted, posted, rounding) == []


@given(calendars, st.lists(instants, max_size=5), prices, prorations)
def test_the_parts_of_a_period_make_the_whole(calendar: Calendar, cuts: list[datetime], price: int, proration: Proration) -> None:
    ends = sorted({calendar.anchor, *cuts, at("2028-01-01")})
    pieces = [span("", start, end, calendar, fee(price), proration=proration) for start, end in pairwise(ends)]
    whole = [span("", calendar.anchor, at("2028-01-01"), calendar, fee(price), proration=proration)]

    def total(spans: list[Span]) -> int:
        return sum(line.amount for line in corrected(expected(spans, at("2027-12-31")), (), proration.rounding))

    assert total(pieces) == total(whole)


def test_a_recurring_line_is_in_arrears_where_it_is_agreed() -> None:
    calendar = Calendar(anchor=at("2026-01-01"), timezone="UTC", interval=MONTH)
    found = span("", at("2026-01-01"), None, calendar, fee(700, due="in_arrears"))
    assert bill([found], "2026-01-31") == []
    assert shown(bill([found], "2026-02-01")) == [("01-01", "02-01", 700)]


def test_what_is_owed_once_is_billed_at_the_begin_and_taken_back_with_it() -> None:
    calendar = Calendar(anchor=at("2026-01-01"), timezone="UTC", interval=MONTH)
    setup = Charge(id="setup", name="Setup", kind="one_off", pricing=Flat(amount=500))
    found = span("", at("2026-01-01"), None, calendar, fee(700), setup)._replace(once_at=at("2026-01-01"))
    posted = bill([found], "2026-02-01")
    assert shown(posted) == [("01-01", "02-01", 700), ("01-01", "01-01", 500), ("02-01", "03-01", 700)]
    assert bill([found], "2026-02-01", posted) == []
    assert sum(line.amount for line in (*posted, *bill([], "2026-02-01", posted))) == 0


def test_a_last_period_that_is_paid_in_advance_is_owed_in_full_where_that_is_agreed() -> None:
    whole = sold(1000, "2026-01-01", "2026-01-16", whole_last=True)
    assert shown(bill([whole], "2026-03-01")) == [("01-01", "02-01", 1000)]


def test_no_period_that_begins_in_a_skipped_stretch_is_billed() -> None:
    away = Stretch(at("2026-01-15"), at("2026-03-01"))
    assert shown(bill([sold(1000, "2026-01-01")], "2026-03-31", skipped=[away])) == [
        ("01-01", "02-01", 1000),
        ("03-01", "04-01", 1000),
    ]


def test_the_next_due_instant_is_the_first_after_another() -> None:
    found, jan, feb = [sold(1000, "2026-01-01")], at("2026-01-01"), at("2026-02-01")
    assert next_due(found, (), jan - timedelta(days=1)) == jan
    assert next_due(found, (), jan) == feb
    assert next_due(found, [Stretch(at("2026-01-15"), at("2026-03-01"))], jan) == at("2026-03-01")
    assert next_due(found, [Stretch(at("2026-01-15"), None)], jan) is None
    assert next_due([sold(1000, "2026-01-01", "2026-02-01")], (), jan) is None
