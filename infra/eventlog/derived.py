"""What the index keeps beside a stream's events: a pure function of the stream's aggregate, and so rebuilt with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple


class Derived(NamedTuple):
    """``timers``: (kind, due), pending. ``effect``: an open effect's name. ``parent``: the stream this one belongs to. ``open``:
    still to be settled. ``clock``: the test clock, on a customer's own stream. ``ordinal``: an invoice's, which its number is
    made of.
    """

    timers: tuple[tuple[str, datetime], ...] = ()
    effect: str | None = None
    parent: str = ""
    open: bool = False
    clock: str = ""
    ordinal: int = 0


class StoredRow(NamedTuple):
    """One counted event as the index holds it. ``key`` is ``tenant/customer``, ``time`` the recording time."""

    stream: str
    version: int
    sequence: int
    type: str
    value: bytes
    time: str
    key: str


# All events of one stream, oldest first → what the index keeps beside them.
Derive = Callable[[Sequence[StoredRow]], Derived]
