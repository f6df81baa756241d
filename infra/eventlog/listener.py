"""What goes in and out of the window thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from infra.eventlog.derived import Derived
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append


class Entry(NamedTuple):
    """What waits for a window: an append with the rows derived from the streams it changed, or (``append`` None) a proof alone,
    for an answer that must not be released before the state it rests on has committed.

    ``epoch`` is the one last announced for the partition; an entry of another is dropped. ``token`` comes back with the result.
    ``at`` is the time at which it was decided: a window does not take what is far ahead of its own clock.
    """

    partition: str
    epoch: int
    token: object
    append: Append | None = None
    derived: Mapping[str, Derived] = {}
    at: datetime | None = None


class Committed(NamedTuple):
    """Where an entry stands in the log: its last event's sequence and hash; for a proof, those of the last event committed."""

    partition: str
    sequence: int
    hash: str


class Listener(Protocol):
    """Told by the window thread, on the window thread, in the order in which things happen; must not block."""

    def assigned(self, partitions: frozenset[str], /) -> None:
        """These are ours to serve from now on, once they are taken over."""
        ...

    def serving(self, partition: str, queries: IndexQueries, state: ReaderState, epoch: int, /) -> None:
        """The partition is ours, claimed and read through the claim: decide for it, and submit under ``epoch``.

        The listener closes ``queries``.
        """
        ...

    def stopped(self, partitions: frozenset[str], reason: str, /) -> None:
        """Serve these no more. Nothing that was submitted for them and not settled has been or will be written."""
        ...

    def unknown(self, partitions: frozenset[str], reason: str, /) -> None:
        """Serve these no more. Whether what was submitted was written is known when they are served again: by command id."""
        ...

    def settled(self, results: Sequence[tuple[object, Committed]], /) -> None:
        """The entries of these tokens have committed."""
        ...

    def proved(self) -> None:
        """Nothing waited to be written; the log was there, and what is served is ours."""
        ...

    def failed(self, epochs: Mapping[str, int], reason: str, /) -> None:
        """Nothing unsettled of these partitions was written: forget what was speculated, decide again, under the new epochs."""
        ...

    def refused(self, token: object, reason: str, /) -> None:
        """This entry alone cannot be written; ``failed`` follows for its partition."""
        ...

    def broken(self, partition: str, error: Exception, /) -> None:
        """The partition cannot be served: its log contradicts itself, or its index is unusable. Somebody must look."""
        ...

    def died(self, error: BaseException, /) -> None:
        """The window thread has ended by this error; nothing is served any more."""
        ...
