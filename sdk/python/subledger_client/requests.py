"""What is asked of the ledger: values, made by the functions of `commands` and `queries`, and sent by a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Command(Generic[T]):
    """Something to be done, once, however often it is sent: ``key`` is its idempotency key, another one for each that is made.

    ``version`` is the one at which the resource must be (If-Match), ``reason`` what stands in the history.
    """

    path: str
    body: Mapping[str, object]
    key: str = field(default_factory=lambda: uuid4().hex)
    version: int | None = None
    reason: str | None = None

    def keyed(self, key: str) -> Command[T]:
        """The same under a key of your own: after a crash, it is still known what was done."""
        return replace(self, key=key)

    def at(self, version: int) -> Command[T]:
        """The same, only where the resource is still at this version."""
        return replace(self, version=version)

    def because(self, reason: str) -> Command[T]:
        """The same with a reason."""
        return replace(self, reason=reason)


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A question with one answer."""

    path: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A question whose answer comes in pages."""

    path: str
    filters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """A question whose answer goes on for ever."""

    path: str
    filters: Mapping[str, object] = field(default_factory=dict)


def part(id: str) -> str:
    """An id as a part of a path."""
    return quote(id, safe="")
