"""Instants as clients write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from commands.instant import EARLIEST, LATEST, Instant

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NAIVE = st.datetimes(datetime(1900, 1, 3), datetime(2999, 12, 30))


@given(NAIVE, OFFSETS)
def test_every_spelling_is_the_same_instant_in_utc(naive: datetime, offset: timezone) -> None:
    instant = naive.replace(tzinfo=offset)
    read = INSTANT.validate_python(instant.isoformat())
    assert read == instant
    assert read.utcoffset() == timedelta(0)


@given(st.datetimes(), OFFSETS)
def test_no_instant_breaks_it(naive: datetime, offset: timezone) -> None:
    try:
        read = INSTANT.validate_python(naive.replace(tzinfo=offset).isoformat())
    except ValidationError:
        return
    assert EARLIEST <= read < LATEST
    assert read.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-01-01t00:00:00z", "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00-00:00"])
def test_what_rfc_3339_allows(text: str) -> None:
    assert INSTANT.validate_python(text).date().isoformat() == "2026-01-01"


@pytest.mark.parametrize(
    "value", ["2026-01-01", "20260101T000000Z", "2026-01-01T00:00:00", "2026-01-01T00:00Z", 0, 1.5, True, None, ""]
)
def test_what_it_does_not(value: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)
