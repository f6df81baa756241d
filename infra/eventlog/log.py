"""The port that both logs stand behind: reading committed records, and owning and appending to partitions.

LogUnusable says that a log cannot be opened or owned as asked. Errors of an append, and what the window does about each:

    AppendError
    ├── Aborted          nothing was written: decide again
    ├── NotOwner         nothing was written, some partition is no longer ours: stop serving it
    ├── RecordRefused    nothing was written because of one record: bisect
    └── OutcomeUnknown   written or not: stop deciding, recover, claim, read through the claim, then answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from infra.eventlog.record import Record
from infra.eventlog.sharing import Share

# How far our clock may be from the broker's, and a decision ahead of its commit.
CLOCK_TOLERANCE_S = 5.0


class LogUnusable(Exception):
    """The log cannot be used as asked: of another environment or size, owned by another process, unsafe settings, not empty."""


class LogUnavailable(Exception):
    """The log cannot be read, or not be opened, now."""


class AppendError(Exception):
    """An append that did not end with a commit."""


class Aborted(AppendError):
    """Nothing was written."""


class NotOwner(AppendError):
    """Nothing was written: ``partitions`` are not ours (any more), or need a new claim if no poll says that they are lost.

    ``cause`` is a clause that says who refused, and why.
    """

    def __init__(self, partitions: Iterable[str], cause: str = "") -> None:
        self.partitions = frozenset(partitions)
        super().__init__(f"not the owner of {', '.join(sorted(self.partitions))}{cause and f': {cause}'}")


class RecordRefused(AppendError):
    """Nothing was written: the log refuses a record of this window (size)."""


class OutcomeUnknown(AppendError):
    """The commit was asked for and its end is not known."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a poll of the ownership found: partitions gained (each to be claimed and read) and lost (stop at once)."""

    gained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()


class LogReader(Protocol):
    """Committed records of some partitions, each partition in its order."""

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records, at most about a thousand, or none after ``timeout_s``."""
        ...

    def position(self, partition: str) -> int:
        """The next offset this reader will look at: all below was returned by ``poll``, or is no record (a marker).

        With nothing more to come it reaches what ``Log.end`` said before (Kafka: by the end-of-partition event).
        """
        ...

    def close(self) -> None: ...


class Keys(Protocol):
    """Wrapped data keys, by ``tenant/customer``."""

    def get(self, key: str) -> bytes | None:
        """The wrapped key, under which something is sealed; None: it was destroyed. Raises LogUnavailable until it is there."""
        ...

    def items(self) -> Iterator[tuple[str, bytes]]:
        """All wrapped keys as of now, for an export."""
        ...

    def close(self) -> None: ...


def nothing() -> None:
    """Meanwhile."""


class Owner(Protocol):
    """The write side of a log. All calls come from one thread, the window thread."""

    def poll(self, timeout_s: float) -> Change:
        """What changed since the last poll; waits up to ``timeout_s`` for a change.

        Call it every few seconds at least, during a long catch-up too: an owner that does not (Kafka: for 10 s) is put out.
        """
        ...

    def claim(self, partition: str, term: int, now: datetime) -> Record:
        """Append a claim of ``partition`` and return it as delivered (with its offset).

        Raises NotOwner or Aborted. The claim may stand in the log even so: it counts for its writer only where its own hash is
        the counted one.
        """
        ...

    def commit(
        self,
        records: Sequence[Record],
        data_keys: Mapping[str, bytes],
        proves: frozenset[str],
        meanwhile: Callable[[], None] = nothing,
    ) -> Mapping[str, int]:
        """Append all records and data keys, or none, and prove that this process owns every partition in ``proves``.

        ``records`` may be empty: the proof alone. ``meanwhile`` is called once, when the log is at work on them and before they
        commit; what it raises leaves nothing appended. Returns for each partition written the offset after its last record, from
        which its index reads on. Raises an AppendError.
        """
        ...

    def load(self, records: Sequence[Record]) -> None:
        """Append records of an export verbatim, in their order, all or none. Only for a log that is empty, by its first owner."""
        ...

    def last_claim(self, partition: str, below: int) -> Record | None:
        """The claim of the partition's last owner, where the log knows it without reading, and where it stands below an offset.

        Raises LogUnavailable.
        """
        ...

    def unwritable(self, partitions: Iterable[str]) -> Mapping[str, str]:
        """Those of ``partitions`` that take no records now though others may, each with the reason (Kafka: no leader, or too few
        replicas in sync). Raises LogUnavailable.
        """
        ...

    def recover(self) -> None:
        """After OutcomeUnknown: settle whatever is open, so that a claim written next stands after it."""
        ...

    def close(self) -> None: ...


class Log(Protocol):
    """One environment's log: the ledger's partitions and the catalog."""

    @property
    def environment(self) -> str:
        """``sandbox`` or ``live``."""
        ...

    @property
    def partitions(self) -> tuple[str, ...]:
        """``("catalog", "0", …)``, fixed for life when the log was made."""
        ...

    def identity(self, partition: str) -> str:
        """Names the physical log behind a partition (cluster id, topic id, N); an index of another identity is not used."""
        ...

    def reader(self, start: Mapping[str, int]) -> LogReader:
        """Read each partition from the given offset on (inclusive)."""
        ...

    def end(self, partition: str) -> int:
        """One past the last offset that a committed reader can reach now; never compare it with a position."""
        ...

    def ends(self, partitions: Iterable[str]) -> dict[str, int]:
        """``end`` of each, asked at once."""
        ...

    def high_ends(self, partitions: Iterable[str]) -> dict[str, int]:
        """The same with what is not decided yet, as in Kafka's open transactions: no committed reader can reach that."""
        ...

    def owner(self) -> Owner: ...

    def owners(self) -> Mapping[str, frozenset[str]]:
        """The addresses of the owners, each with the partitions that are its own now; it may have none."""
        ...

    def projectors_share(self) -> Share:
        """What this process projects, if it is a projector: some of the partitions where it can have others beside it."""
        ...

    def keys(self) -> Keys: ...

    def close(self) -> None: ...
