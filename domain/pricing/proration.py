"""What share of a whole period a part of it is.

    none     the whole price is owed for a period as soon as it begins, and nothing for what begins in its midst
    day      local days of the part ÷ actual days of the whole period around it
    second   elapsed time of the part ÷ that of the whole period around it

The whole period is that of the calendar, also where the first one begins late: 1 to 13 February with billing day 13 is 12/31.
"""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.money import Rounding
from domain.pricing.calendar import Calendar


class Proration(BaseModel):
    """``last_day``: whether the day of a cancellation is billed, where it is not a period's end. ``first_period``: what a first
    period costs that is a part of a whole one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["none", "day", "second"] = "day"
    last_day: Literal["unbilled", "billed"] = "unbilled"
    first_period: Literal["prorated", "free"] = "prorated"
    rounding: Rounding = "half_up"


def share(calendar: Calendar, index: int, start: datetime, end: datetime, proration: Proration) -> Fraction:
    """Of ``[start, end)``, which lies in the calendar's ``index``-th period. From 0 to 1; the parts of a whole period make 1."""
    whole_start, whole_end = calendar.boundary(index), calendar.end(index)
    assert whole_start <= start <= end <= whole_end, (whole_start, start, end, whole_end)
    if index == 0 and whole_start < calendar.anchor and proration.first_period == "free":
        return Fraction(0)
    if proration.by == "none":
        return Fraction(start == calendar.start(index))
    if (start, end) == (whole_start, whole_end):
        return Fraction(1)
    if proration.by == "second":
        return Fraction(
            _microseconds(whole_start, end) - _microseconds(whole_start, start), _microseconds(whole_start, whole_end)
        )
    day_of = calendar.local_date
    first, last = day_of(start).toordinal(), day_of(end).toordinal()
    days = day_of(whole_end).toordinal() - day_of(whole_start).toordinal()
    return Fraction(last - first, days) if days else Fraction(0)


def _microseconds(start: datetime, end: datetime) -> int:
    elapsed = end - start
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
