"""Kafka as far as the ledger rests on it: partitions, transactions and their markers, the last stable offset, producer fencing.

What a request does is done at once and whole; what takes time is on its way to and from here (`tests.simulation.wire`). A
commit is decided at the coordinator and answered before its markers stand in the partitions, each of which comes when it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from confluent_kafka import KafkaError, KafkaException

from tests.simulation.kernel import Kernel

Place = tuple[str, int]  # topic, partition
Header = tuple[str, bytes]

TRANSACTION_LIMIT_S = 10.0
NOTICED_S = 4.0  # until the brokers know that a leader is gone


@dataclass(eq=False, slots=True)
class Transaction:
    """One transaction of a producer, at its coordinator. ``left`` are the partitions whose marker has not been written."""

    number: int
    state: Literal["open", "committed", "aborted"] = "open"
    places: dict[Place, None] = field(default_factory=dict)
    offsets: dict[Place, int] = field(default_factory=dict)
    left: set[Place] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        return self.state != "open" and not self.left


@dataclass(frozen=True, slots=True)
class Entry:
    """One offset of a partition: a record of a transaction (None: of none), or a marker (``key`` and ``value`` None)."""

    transaction: Transaction | None
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int = 0
    marker: bool = False


@dataclass(slots=True)
class Producing:
    """What the coordinator knows of a transactional id."""

    epoch: int = 0
    transaction: Transaction | None = None


def refusal(code: int, text: str, *, fatal: bool = False, abort: bool = False, retriable: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, text, fatal, retriable, abort))


class Partition:
    """A log of entries, an offset each."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.away_since = self.away_until = -inf  # while its leader is away
        self.open: dict[Transaction, int] = {}  # with the first offset of each that has no marker here

    @property
    def stable(self) -> int:
        """The last stable offset."""
        return min(self.open.values(), default=len(self.entries))

    def committed(self, start: int) -> Iterable[tuple[int, Entry]]:
        """What a committed reader sees from an offset on."""
        for offset in range(start, self.stable):
            entry = self.entries[offset]
            if not entry.marker and (entry.transaction is None or entry.transaction.state == "committed"):
                yield offset, entry

    def written(self, start: int) -> Iterable[tuple[int, Entry]]:
        """What any other reader sees."""
        return ((offset, self.entries[offset]) for offset in range(start, len(self.entries)) if not self.entries[offset].marker)


class Cluster:
    """``wall`` gives the brokers' time, in seconds since 1970. ``on_decided`` hears of a commit the moment it is decided."""

    def __init__(self, kernel: Kernel, places: Iterable[Place], wall: Callable[[], float]) -> None:
        self.kernel = kernel
        self.partitions = {place: Partition() for place in places}
        self.group_offsets: dict[Place, int] = {}
        self.marker_delay_s = 0.001
        self.append_delay_s = 0.001
        self.on_decided: Callable[[Sequence[tuple[Place, Entry]]], None] = lambda _: None
        self._wall = wall
        self._producing: dict[str, Producing] = {}
        self._transactions = 0

    # Producers

    def begin_epoch(self, id: str) -> int | None:
        """Fence whoever had the id, end what it left open; gives the new epoch, or None while that is not through."""
        producing = self._producing.setdefault(id, Producing())
        transaction = producing.transaction
        if transaction is not None and transaction.state == "open":
            producing.epoch += 1
            self._decide(id, transaction, "aborted")
        if transaction is not None and not transaction.complete:
            return None
        producing.epoch += 1
        return producing.epoch

    def lose_leader(self, place: Place, seconds: float) -> None:
        """For so long nothing is written to a partition, or read from it."""
        partition, now = self.partitions[place], self.kernel.now
        partition.away_since, partition.away_until = now, now + seconds

    def away(self, place: Place) -> bool:
        return self.partitions[place].away_until > self.kernel.now

    def leader(self, place: Place) -> int:
        """Its id as the brokers know it; -1: there is none."""
        partition, now = self.partitions[place], self.kernel.now
        return -1 if partition.away_since + NOTICED_S < now < partition.away_until else 1

    def append(
        self, id: str, epoch: int, place: Place, messages: Sequence[tuple[bytes, bytes, tuple[Header, ...]]]
    ) -> int | None:
        """Append to the open transaction, beginning it; gives the last offset, or None while the one before is not through, or
        the leader away.
        """
        transaction = self._open(id, epoch)
        if transaction is None:
            return None
        partition, now_ms = self.partitions[place], int(self._wall() * 1000)
        transaction.places[place] = None
        if self.away(place):
            return None
        partition.open.setdefault(transaction, len(partition.entries))
        partition.entries += [Entry(transaction, key, value, headers, now_ms) for key, value, headers in messages]
        return len(partition.entries) - 1

    def add_offsets(self, id: str, epoch: int, offsets: Mapping[Place, int]) -> bool:
        """Offsets for the group, as part of the transaction; False while the one before is not through."""
        transaction = self._open(id, epoch)
        if transaction is None:
            return False
        transaction.offsets |= offsets
        return True

    def end(self, id: str, epoch: int, outcome: Literal["committed", "aborted"]) -> None:
        """Decide the transaction; the same decision again is one."""
        transaction = self._check(id, epoch).transaction
        if transaction is None or transaction.state == outcome:
            return
        if transaction.state != "open":
            raise refusal(KafkaError.INVALID_TXN_STATE, f"transaction is {transaction.state}", fatal=True)
        self._decide(id, transaction, outcome)

    def _open(self, id: str, epoch: int) -> Transaction | None:
        producing = self._check(id, epoch)
        transaction = producing.transaction
        if transaction is not None and transaction.state == "open":
            return transaction
        if transaction is not None and not transaction.complete:
            return None
        self._transactions += 1
        producing.transaction = transaction = Transaction(self._transactions)
        self.kernel.after(TRANSACTION_LIMIT_S, self._time_out, id, transaction)
        return transaction

    def _check(self, id: str, epoch: int) -> Producing:
        producing = self._producing.setdefault(id, Producing())
        if producing.epoch != epoch:
            raise refusal(KafkaError._FENCED, f"{id} has a newer producer", fatal=True)
        return producing

    def _time_out(self, id: str, transaction: Transaction) -> None:
        if transaction.state == "open":
            self._producing[id].epoch += 1
            self._decide(id, transaction, "aborted")

    def _decide(self, id: str, transaction: Transaction, outcome: Literal["committed", "aborted"]) -> None:
        transaction.state = outcome
        transaction.left = set(transaction.places)
        self.kernel.trace(f"broker: transaction {transaction.number} of {id} is {outcome}")
        if outcome == "committed":
            self.on_decided([
                (place, entry)
                for place in transaction.places
                for entry in self.partitions[place].entries[self.partitions[place].open[transaction] :]
                if entry.transaction is transaction
            ])  # fmt: skip
        for place in transaction.places:
            self.kernel.after(self.kernel.latency(self.marker_delay_s), self._mark, transaction, place)
        if not transaction.places:
            self._complete(transaction)

    def _mark(self, transaction: Transaction, place: Place) -> None:
        partition = self.partitions[place]
        if self.away(place):
            self.kernel.at(partition.away_until, self._mark, transaction, place)
            return
        partition.entries.append(Entry(transaction, None, None, marker=True))
        partition.open.pop(transaction, None)  # it may have got no record there
        transaction.left.discard(place)
        if not transaction.left:
            self._complete(transaction)
        self.kernel.wake_all(self)

    def _complete(self, transaction: Transaction) -> None:
        if transaction.state == "committed":
            self.group_offsets |= transaction.offsets

    # Without transactions

    def put(self, place: Place, key: bytes, value: bytes, headers: tuple[Header, ...] = ()) -> None:
        """Append as a plain producer does."""
        self.partitions[place].entries.append(Entry(None, key, value, headers, int(self._wall() * 1000)))
        self.kernel.wake_all(self)
