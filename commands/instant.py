"""Instants as clients give them: RFC 3339 text with an offset, in a range that leaves every calendar room; kept in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)


def _is_text(value: object) -> object:
    """Not what pydantic reads besides: numbers of seconds, dates alone, a blank between date and time."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    raise ValueError("not an instant as of RFC 3339, such as 2026-01-31T09:30:00Z")


def _in_range(value: datetime) -> datetime:
    if not EARLIEST <= value < LATEST:
        raise ValueError(f"not from {EARLIEST.year} to {LATEST.year - 1}")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_is_text), AfterValidator(_in_range)]
