"""Periods: the calendar's corners, the examples of the peers, and what holds in every zone from 1970 to 2100."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import available_timezones

from domain.catalog.terms import Interval
from domain.errors import RuleViolated
from domain.pricing.calendar import Calendar

ZONES = sorted(available_timezones())


def calendar(
    start: str, unit: str, day: int | None = None, *, count: int = 1, zone: str = "UTC", aligned: bool = False
) -> Calendar:
    anchor = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    interval = Interval.model_validate({"unit": unit, "count": count})
    return Calendar(anchor=anchor, timezone=zone, interval=interval, billing_day=day, time_of_day=time() if aligned else None)


def dates(found: Calendar, count: int) -> list[str]:
    return [found.local_date(found.boundary(index)).isoformat() for index in range(count)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (calendar("2026-01-31", "month"), ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        (calendar("2026-02-01", "month", 13), ["2026-01-13", "2026-02-13", "2026-03-13"]),
        (calendar("2026-02-13", "month", 13), ["2026-02-13", "2026-03-13"]),
        (calendar("2026-02-14", "month", 13), ["2026-02-13", "2026-03-13"]),
        (calendar("2026-01-05", "month", 31), ["2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"]),
        # who begins on the last day of a shorter month is on billing day 31
        (calendar("2026-04-30", "month", 31), ["2026-04-30", "2026-05-31", "2026-06-30"]),
        (calendar("2028-02-29", "month", 31), ["2028-02-29", "2028-03-31"]),
        (calendar("2015-03-15", "year", 1), ["2015-03-01", "2016-03-01", "2017-03-01"]),
        (calendar("2015-03-15", "year", 20), ["2014-03-20", "2015-03-20", "2016-03-20"]),
        (calendar("2028-02-29", "year"), ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]),
        (calendar("2026-02-01", "month", 13, count=3), ["2025-11-13", "2026-02-13", "2026-05-13"]),
        (calendar("2026-02-01", "week", 13, count=2), ["2026-02-01", "2026-02-15"]),
    ],
)
def test_boundaries(found: Calendar, expected: list[str]) -> None:
    assert dates(found, len(expected)) == expected


def test_the_first_period_begins_at_the_anchor() -> None:
    found = calendar("2026-02-01T10:30", "month", 13)
    assert (found.start(0), found.end(0)) == (datetime(2026, 2, 1, 10, 30, tzinfo=UTC), datetime(2026, 2, 13, 10, 30, tzinfo=UTC))


def test_what_is_billed_together_is_billed_at_midnight() -> None:
    early, late = (calendar(f"2026-02-01T{hour}:30", "month", 13, zone="Europe/Berlin", aligned=True) for hour in ("08", "23"))
    assert early.boundary(1) == late.boundary(1) == datetime(2026, 2, 12, 23, tzinfo=UTC)


def test_beyond_the_calendar_there_is_no_period() -> None:
    with pytest.raises(RuleViolated):
        calendar("2026-01-01", "year", count=366).boundary(30)


calendars = st.builds(
    Calendar,
    anchor=st.datetimes(datetime(1970, 1, 3), datetime(2090, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),
    timezone=st.sampled_from(ZONES),
    interval=st.builds(Interval, unit=st.sampled_from(["day", "week", "month", "year"]), count=st.integers(1, 3)),
    billing_day=st.none() | st.integers(1, 31),
    time_of_day=st.none() | st.just(time()),
)


@given(calendars)
def test_periods_leave_no_hole_and_none_is_turned_round(found: Calendar) -> None:
    assert found.boundary(0) <= found.anchor < found.boundary(2)
    for index in range(30):
        assert found.end(index) == found.start(index + 1)
        assert found.start(index) <= found.end(index)


@given(calendars, st.floats(0, 1))
def test_an_instant_is_found_in_its_period(found: Calendar, place: float) -> None:
    instant = found.anchor + place * (found.boundary(20) - found.anchor)
    index = found.index_at(instant)
    assert max(found.anchor, found.boundary(index)) <= instant < found.end(index)


@given(calendars.filter(lambda found: found.billing_day is not None and found.interval.unit in ("month", "year")))
def test_every_boundary_is_on_the_billing_day_or_the_months_last(found: Calendar) -> None:
    for index in range(1, 20):
        day = found.local_date(found.boundary(index))
        last = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        assert day.day == min(found.billing_day or 0, last.day)
