"""Periods: examples of the calendar's corners, and what holds for every zone from 1970 to 2100."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from whenever import available_timezones

from domain.catalog.terms import Interval
from domain.errors import RuleViolated
from domain.pricing.calendar import Calendar, check_timezone
from tests.unit.domain.make import at

ZONES = sorted(available_timezones())
# A whole local day was skipped there, since 1970.
SKIPPED_DAYS = {
    "Pacific/Apia": "2011-12-30",
    "Pacific/Fakaofo": "2011-12-30",
    "Pacific/Enderbury": "1994-12-31",
    "Pacific/Kanton": "1994-12-31",
    "Pacific/Kiritimati": "1994-12-31",
    "Pacific/Kwajalein": "1993-08-21",
    "Kwajalein": "1993-08-21",
}
UNIT_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}


def interval(unit: str, count: int = 1) -> Interval:
    return Interval.model_validate({"unit": unit, "count": count})


def in_zone(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def counted(anchor: datetime, zone: str, every: Interval) -> Calendar:
    return Calendar(anchor=anchor, timezone=zone, interval=every)


def boundaries(anchor: datetime, zone: str, every: Interval, count: int) -> list[str]:
    """The first ``count`` boundaries as local times."""
    found = map(counted(anchor, zone, every).boundary, range(count))
    return [boundary.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") for boundary in found]


@pytest.mark.parametrize(
    ("start", "every", "dates"),
    [
        ("2026-01-31", interval("month"), ["01-31", "02-28", "03-31", "04-30", "05-31"]),
        ("2028-01-31", interval("month"), ["01-31", "02-29", "03-31", "04-30", "05-31"]),
        ("2026-01-29", interval("month"), ["01-29", "02-28", "03-29", "04-29", "05-29"]),
        ("2026-11-30", interval("month", 3), ["11-30", "02-28", "05-30", "08-30", "11-30"]),
        ("2028-02-29", interval("year"), ["02-29", "02-28", "02-28", "02-28", "02-29"]),
        ("2096-02-29", interval("year", 4), ["02-29", "02-28", "02-29", "02-29", "02-29"]),  # 2100 is no leap year
        ("2026-12-28", interval("week"), ["12-28", "01-04", "01-11", "01-18", "01-25"]),
        ("2028-02-27", interval("day"), ["02-27", "02-28", "02-29", "03-01", "03-02"]),
        ("2026-02-27", interval("day", 10), ["02-27", "03-09", "03-19", "03-29", "04-08"]),
    ],
)
def test_boundaries_follow_the_calendar_from_the_anchor(start: str, every: Interval, dates: list[str]) -> None:
    assert [text[5:10] for text in boundaries(at(start), "UTC", every, 5)] == dates


@pytest.mark.parametrize(
    ("start", "zone", "every", "expected"),
    [
        # skipped hour: that one boundary moves forward by the gap, the next is back
        ("2026-03-28T02:30", "Europe/Berlin", interval("day"), ["2026-03-28T02:30", "2026-03-29T03:30", "2026-03-30T02:30"]),
        # half an hour's gap
        (
            "2026-10-03T02:15",
            "Australia/Lord_Howe",
            interval("day"),
            ["2026-10-03T02:15", "2026-10-04T02:45", "2026-10-05T02:15"],
        ),
        # midnight itself is skipped
        ("2026-04-23T00:00", "Africa/Cairo", interval("day"), ["2026-04-23T00:00", "2026-04-24T01:00", "2026-04-25T00:00"]),
        # a zone that the sun no longer changes
        ("2026-03-28T02:30", "Asia/Tokyo", interval("day"), ["2026-03-28T02:30", "2026-03-29T02:30", "2026-03-30T02:30"]),
        # the same day each month across two clock changes
        (
            "2026-02-28T23:30",
            "America/New_York",
            interval("month", 3),
            ["2026-02-28T23:30", "2026-05-28T23:30", "2026-08-28T23:30"],
        ),
    ],
)
def test_the_local_time_of_day_is_kept(start: str, zone: str, every: Interval, expected: list[str]) -> None:
    assert boundaries(in_zone(start, zone), zone, every, 3) == expected


@pytest.mark.parametrize(
    ("start", "months"), [("2026-08-25T02:30", 2), ("2026-01-25T02:30", 9)], ids=["from summer", "from winter"]
)
def test_of_two_equal_local_times_the_first_is_taken(start: str, months: int) -> None:
    anchor = in_zone(start, "Europe/Berlin")
    assert counted(anchor, "Europe/Berlin", interval("month", months)).boundary(1) == at("2026-10-25T00:30")


def test_an_anchor_at_the_second_of_two_equal_local_times_is_the_begin_of_period_0() -> None:
    anchor = in_zone("2026-10-25T02:30", "Europe/Berlin", fold=1)
    daily = counted(anchor, "Europe/Berlin", interval("day"))
    assert (daily.start(0), daily.end(0)) == (anchor, at("2026-10-26T01:30"))


class TestSkippedDays:
    """Where a zone jumps over a whole local day, the period that would be that day is empty, and nothing else is."""

    def test_samoa_had_no_30_december_2011(self) -> None:
        anchor = in_zone("2011-12-28T10:00", "Pacific/Apia")
        found = boundaries(anchor, "Pacific/Apia", interval("day"), 5)
        assert found == ["2011-12-28T10:00", "2011-12-29T10:00", "2011-12-31T10:00", "2011-12-31T10:00", "2012-01-01T10:00"]

    def test_nothing_lies_in_the_empty_period(self) -> None:
        daily = counted(in_zone("2011-12-28T10:00", "Pacific/Apia"), "Pacific/Apia", interval("day"))
        back = in_zone("2011-12-31T10:00", "Pacific/Apia")
        assert [daily.index_at(back - timedelta.resolution), daily.index_at(back)] == [1, 3]

    @pytest.mark.parametrize("zone", SKIPPED_DAYS)
    @pytest.mark.parametrize("hour", range(0, 24, 5))
    def test_one_daily_period_is_empty_and_no_longer_one(self, zone: str, hour: int) -> None:
        skipped = datetime.fromisoformat(SKIPPED_DAYS[zone]) + timedelta(hours=hour)
        anchor = in_zone((skipped - timedelta(days=3)).isoformat(), zone)
        for every, empty in ((interval("day"), [3]), (interval("day", 2), []), (interval("week"), []), (interval("month"), [])):
            found = counted(anchor, zone, every)
            assert [index for index in range(6) if found.start(index) == found.end(index)] == empty
            assert all(found.start(index) <= found.end(index) for index in range(6))

    def test_no_other_zone_skips_a_day(self) -> None:
        """Sampled every two weeks until 2026; what comes later follows yearly rules that skip an hour."""
        jumped = set()
        samples = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=14 * n) for n in range(57 * 26)]
        for zone in ZONES:
            zone_info = ZoneInfo(zone)
            offsets = [sample.astimezone(zone_info).utcoffset() for sample in samples]
            if any(after and before and after - before > timedelta(hours=20) for before, after in pairwise(offsets)):
                jumped.add(zone)
        assert jumped == set(SKIPPED_DAYS)


# ---- every zone, 1970 to 2100 --------------------------------------------------------------------------------------------------

zones = st.sampled_from(ZONES)
intervals = st.builds(interval, st.sampled_from(["day", "week", "month", "year"]), st.integers(1, 24))
anchors = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 31), timezones=st.just(UTC))


def index_within(anchor: datetime, every: Interval, share: float) -> int:
    """An index whose period begins about before the end of 2100."""
    days = (at("2101-01-01") - anchor).days
    return int(share * days / (UNIT_DAYS[every.unit] * every.count))


def expected_boundary(anchor: datetime, zone: str, every: Interval, index: int) -> datetime:
    """The same by the standard library alone: the local date moved, the local time of day kept."""
    local = anchor.astimezone(ZoneInfo(zone))
    steps = every.count * index
    if every.unit in ("day", "week"):
        moved = local.replace(tzinfo=None) + timedelta(days=steps * (7 if every.unit == "week" else 1))
    else:
        months = local.year * 12 + local.month - 1 + steps * (12 if every.unit == "year" else 1)
        year, month = months // 12, months % 12 + 1
        day = min(local.day, calendar.monthrange(year, month)[1])
        moved = local.replace(tzinfo=None, year=year, month=month, day=day)
    return moved.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


@given(anchors, zones, intervals, st.floats(0, 1))
@example(at("2011-12-29T20:00"), "Pacific/Apia", interval("day"), 0.0)
@example(at("2026-10-25T01:30"), "Europe/Berlin", interval("day"), 0.0)
def test_periods_are_contiguous_and_never_fall(anchor: datetime, zone: str, every: Interval, share: float) -> None:
    index = index_within(anchor, every, share)
    found = counted(anchor, zone, every)
    assert found.end(index) == found.start(index + 1)
    if (every.unit, every.count) == ("day", 1) and zone in SKIPPED_DAYS:
        assert found.start(index) <= found.end(index)
    else:
        assert found.start(index) < found.end(index)


@given(anchors, zones, intervals, st.floats(0, 1))
@example(at("2100-01-31T01:30"), "Europe/Berlin", interval("month", 9), 1.0)
def test_a_boundary_is_computed_from_the_anchor(anchor: datetime, zone: str, every: Interval, share: float) -> None:
    index = index_within(anchor, every, share)
    found = counted(anchor, zone, every)
    assert found.boundary(0) == anchor
    if index > 0:
        assert found.boundary(index) == expected_boundary(anchor, zone, every, index)


@given(anchors, zones, intervals, st.integers(0, 40), st.floats(0, 1))
@example(at("2011-12-29T20:00"), "Pacific/Apia", interval("day"), 1, 0.0)
def test_a_search_agrees_with_a_linear_one(anchor: datetime, zone: str, every: Interval, index: int, share: float) -> None:
    found = counted(anchor, zone, every)
    instant = found.start(index) + share * (found.end(index) - found.start(index))
    assert [found.index_at(instant)] == [n for n in range(index + 3) if found.start(n) <= instant < found.end(n)]


def test_a_boundary_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(RuleViolated) as refused:
        counted(at("2026-01-01"), "UTC", interval("year", 366)).boundary(30)
    assert refused.value.code == "date_out_of_range"


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_iana_zones_are_known(name: str) -> None:
    assert check_timezone(name) == name


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "localtime", "Factory", "posixrules", "right/UTC", "europe/berlin"]
)
def test_other_zones_are_refused(name: str) -> None:
    with pytest.raises(RuleViolated) as refused:
        check_timezone(name)
    assert (refused.value.code, refused.value.pointer) == ("unknown_timezone", "/timezone")
