"""Billing periods on a local calendar: computed from the anchor, never by stepping from the last end.

Without a billing day the boundaries are the anchor's: 31 January, 28 or 29 February, 31 March, 30 April. With one they fall on
that day of the month, the last one of shorter months, so that the first period is a part of a whole one: from 1 February with
billing day 13 it lasts until 13 February, 12 of the 31 days from 13 January. A year from 15 March 2015 with billing day 1 ends on
1 March 2016, 352 of 366 days. (These are Kill Bill's rules.) Who begins on the billing day begins a whole period.

The local time of day is the anchor's, or another that is given: midnight for what is billed together with others, that of the
first anchor for what was changed later. Where a clock change skips it, that one boundary moves forward by the gap, where it
occurs twice the first is taken ("compatible" of RFC 5545). Half-open: ``[start, end)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated

from pydantic import Field
from whenever import Date, Instant, PlainDateTime, Time, available_timezones

from domain.catalog.terms import Interval, Unit
from domain.errors import RuleViolated

BillingDay = Annotated[int, Field(ge=1, le=31, strict=True)]


@dataclass(frozen=True)
class Calendar:
    """``billing_day`` None: the anchor's own day; days and weeks have no other. ``time_of_day``, local, of the boundaries on a
    billing day; None: the anchor's.
    """

    anchor: datetime
    timezone: str
    interval: Interval
    billing_day: int | None = None
    time_of_day: time | None = None
    # The boundaries that were asked for: the same few are, many times for each invoice.
    _known: dict[int, datetime] = field(default_factory=dict, init=False, repr=False, compare=False)

    def start(self, index: int) -> datetime:
        """The begin of the ``index``-th period: of the 0th the anchor."""
        return self.anchor.astimezone(UTC) if index == 0 else self.boundary(index)

    def end(self, index: int) -> datetime:
        return self.boundary(index + 1)

    def boundary(self, index: int) -> datetime:
        """The ``index``-th boundary, an instant in UTC; the 0th is the begin of the whole period that the anchor lies in. Raises
        RuleViolated beyond the calendar.
        """
        found = self._known.get(index)
        if found is None:
            found = self._known[index] = _boundary(self, index)
        return found

    def local_date(self, instant: datetime) -> date:
        return Instant(instant).to_tz(self.timezone).date().to_stdlib()

    def index_at(self, instant: datetime) -> int:
        """The period that an instant at or after the anchor lies in."""
        assert instant >= self.anchor
        index = self._about(instant)
        while index and self.boundary(index) > instant:
            index -= 1
        while self.boundary(index + 1) <= instant:
            index += 1
        return index

    def _about(self, instant: datetime) -> int:
        """A period near by: counted in UTC and without the billing day, it is off by two at most."""
        unit, count = self.interval.unit, self.interval.count
        if unit in ("day", "week"):
            return (instant - self.anchor) // timedelta(days=count if unit == "day" else 7 * count)
        anchor, then = self.anchor.astimezone(UTC), instant.astimezone(UTC)
        months = 12 * (then.year - anchor.year) + then.month - anchor.month
        return months // (count if unit == "month" else 12 * count)


def add(instant: datetime, timezone: str, unit: Unit, count: int) -> datetime:
    """``count`` calendar units after an instant, on the local calendar of a zone, as an instant in UTC. Raises RuleViolated
    beyond the calendar.
    """
    if count == 0:  # it may itself be the second of two equal local times
        return instant.astimezone(UTC)
    try:
        return _instant(_moved(Instant(instant).to_tz(timezone).to_plain(), unit, count), timezone)
    except (ValueError, OverflowError):
        raise RuleViolated("date_out_of_range", f"{count} {unit}s after {instant.isoformat()} is beyond the calendar.") from None


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"Factory"}


def check_timezone(name: str, pointer: str = "/timezone") -> str:
    """The name, if it is an IANA time zone, spelt as IANA does; raises RuleViolated.

    Not what the library also opens: ``localtime`` and ``posixrules`` differ between machines, ``right/…`` counts leap seconds,
    and other readers of the log know no ``europe/berlin``.
    """
    if name not in _timezones():
        raise RuleViolated("unknown_timezone", f"{name!r} is not an IANA time zone.", pointer)
    return name


def _boundary(calendar: Calendar, index: int) -> datetime:
    local = Instant(calendar.anchor).to_tz(calendar.timezone).to_plain()
    day = calendar.billing_day if calendar.interval.unit in ("month", "year") else None
    if index == 0 and (day is None or _on(local.date(), day) == local.date()):
        return calendar.anchor.astimezone(UTC)  # which may itself be the second of two equal local times
    try:
        steps = calendar.interval.count * index
        moved = _moved(local, calendar.interval.unit, steps) if day is None else _on_day(local, calendar, day, index)
        return _instant(moved, calendar.timezone)
    except (ValueError, OverflowError):
        problem = f"Period {index} from {calendar.anchor.isoformat()} is beyond the calendar."
        raise RuleViolated("date_out_of_range", problem) from None


def _on_day(local: PlainDateTime, calendar: Calendar, day: int, index: int) -> PlainDateTime:
    first = _on(local.date(), day)
    steps = index if first <= local.date() else index - 1
    month = _moved(local.date().replace(day=1).at(local.time()), calendar.interval.unit, calendar.interval.count * steps)
    return _on(month.date(), day).at(local.time() if calendar.time_of_day is None else Time(calendar.time_of_day))


def _on(month: Date, day: int) -> Date:
    """A day of a date's month, or the last one of it."""
    return month.replace(day=min(day, month.year_month().days_in_month()))


def _instant(local: PlainDateTime, timezone: str) -> datetime:
    # Of the plain local time: zoned arithmetic would keep the offset, and so take the second of two equal times in winter.
    return local.assume_tz(timezone, disambiguation="compatible").to_instant().to_stdlib().astimezone(UTC)


def _moved(local: PlainDateTime, unit: Unit, count: int) -> PlainDateTime:
    match unit:
        case "day":
            return local.add(days=count)
        case "week":
            return local.add(weeks=count)
        case "month":
            return local.add(months=count)
        case "year":
            return local.add(years=count)
