"""Billing periods: computed from the anchor in its own time zone, never by stepping from the last end.

31 January, monthly: 28 or 29 February, 31 March, 30 April. The local time of day is kept; where a clock change skips it, that one
boundary moves forward by the gap, where it occurs twice the first is taken ("compatible" of RFC 5545). Half-open:
``[start, end)``.

Period 0 begins at the anchor itself; each period ends where the next begins; no boundary falls before the last. Two boundaries
are one instant only where a zone skipped a whole local day (Pacific/Apia, 30 December 2011) and the interval is one day: that
period is empty, and ``billable`` passes over it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache

from whenever import Instant, PlainDateTime, available_timezones

from domain.catalog.terms import Interval
from domain.errors import RuleViolated
from domain.subscription.events import Period


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


@lru_cache(maxsize=100_000)
def boundary(anchor: datetime, timezone: str, interval: Interval, index: int) -> datetime:
    """The begin of the ``index``-th period, an instant in UTC; raises RuleViolated past the year 9999."""
    return add(anchor, timezone, interval.unit, interval.count * index)


def add(instant: datetime, timezone: str, unit: str, count: int) -> datetime:
    """``count`` calendar units after an instant, on the local calendar of a zone, as an instant in UTC."""
    if count == 0:  # the anchor may itself be the second of two equal local times
        return instant.astimezone(UTC)
    # On the plain local time: zoned arithmetic would keep the offset, and so take the second of two equal times in winter.
    local = Instant(instant).to_tz(timezone).to_plain()
    try:
        moved = _add(local, unit, count).assume_tz(timezone, disambiguation="compatible")
    except (ValueError, OverflowError):
        raise RuleViolated("date_out_of_range", f"{count} {unit}s after {instant.isoformat()} is beyond the calendar.") from None
    return moved.to_instant().to_stdlib().astimezone(UTC)


def _add(local: PlainDateTime, unit: str, count: int) -> PlainDateTime:
    match unit:
        case "day":
            return local.add(days=count)
        case "week":
            return local.add(weeks=count)
        case "month":
            return local.add(months=count)
        case "year":
            return local.add(years=count)
    raise AssertionError(unit)


def period(anchor: datetime, timezone: str, interval: Interval, index: int) -> Period:
    """The ``index``-th period from the anchor."""
    return Period(
        index=index,
        start=boundary(anchor, timezone, interval, index),
        end=boundary(anchor, timezone, interval, index + 1),
    )


def billable(anchor: datetime, timezone: str, interval: Interval, index: int) -> Period:
    """The first period from the ``index``-th on that is not empty."""
    while (found := period(anchor, timezone, interval, index)).start == found.end:
        index += 1
    return found


def first_index_from(anchor: datetime, timezone: str, interval: Interval, instant: datetime) -> int:
    """The index of the first period that begins at or after an instant, 0 at least."""
    low, high = 0, 1
    while boundary(anchor, timezone, interval, high) < instant:
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if boundary(anchor, timezone, interval, middle) < instant:
            low = middle + 1
        else:
            high = middle
    return low


def period_at(anchor: datetime, timezone: str, interval: Interval, instant: datetime) -> Period:
    """The period that an instant at or after the anchor lies in."""
    assert instant >= anchor
    index = first_index_from(anchor, timezone, interval, instant)
    if boundary(anchor, timezone, interval, index) > instant:
        index -= 1
    return billable(anchor, timezone, interval, index)
