"""A test build of the writer on Kafka, without the broker's fence: a zombie's records really come to stand in the topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event
from typing import Any

from confluent_kafka import TopicPartition

from infra.eventlog.kafka import KafkaLog
from infra.eventlog.kafka_lane import Transaction
from infra.eventlog.kafka_owner import KafkaOwner
from infra.eventlog.log import Change
from infra.eventlog.number import number
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Record
from tests.integration.kafka.support import ALL


class _Unasked(Transaction):
    def send_offsets(self, positions: Sequence[TopicPartition], membership: Any) -> None:
        """The broker is not asked whether we are a member still."""


class _Deaf:
    """Stands where the membership was: it has left the group, and believes that all is its own."""

    def poll(self, timeout_s: float) -> Change:  # noqa: ARG002
        return Change()

    def proof(self) -> tuple[Any, frozenset[str]]:
        return None, ALL

    def committed(self, partition: str) -> int:  # noqa: ARG002
        return -1

    def close(self) -> None:
        """It was left before."""


class Zombie(KafkaOwner):
    """An owner like any other until ``deaf`` is set: then its partitions go to others, and it goes on writing."""

    deaf: Event

    def poll(self, timeout_s: float) -> Change:
        if self.deaf.is_set() and not isinstance(self._membership, _Deaf):
            self._membership.close()
            self._membership = _Deaf()  # type: ignore[assignment]
        return super().poll(timeout_s)

    @contextmanager
    def _transaction(self, partitions: frozenset[str]) -> Iterator[Transaction]:
        with super()._transaction(partitions) as transaction:
            deaf = isinstance(self._membership, _Deaf)
            yield _Unasked(transaction.producer, transaction.delivered, transaction.failed, wrote=True) if deaf else transaction


class ZombieLog(KafkaLog):
    """A log whose owner becomes a zombie when ``deaf`` is set."""

    deaf: Event

    def owner(self) -> Zombie:
        owner = super().owner()
        owner.__class__ = Zombie
        assert isinstance(owner, Zombie)
        owner.deaf = self.deaf
        return owner


def zombie_log(bootstrap: str, environment: str, node: str, *, deaf: bool = False) -> ZombieLog:
    """Its log; ``deaf`` from the first poll on: it joins no group at all."""
    log = ZombieLog(bootstrap, environment, node)
    log.deaf = Event()
    if deaf:
        log.deaf.set()
    return log


class Wild:
    """A zombie by hand, in one partition: it claims and writes whatever it is told, at any moment."""

    def __init__(self, bootstrap: str, environment: str, partition: str) -> None:
        log = zombie_log(bootstrap, environment, "wild", deaf=True)
        self.state = ReaderState()
        self._environment = environment
        self._partition = partition
        self._owner = log.owner()
        self._owner.poll(0)

    def claim(self) -> None:
        """The next term."""
        claim = self._owner.claim(self._partition, self.state.term + 1, datetime.now(UTC))
        self.state = self.state.with_claim(claim)

    def number(self, append: Append) -> list[Record]:
        """The records that would come next."""
        [numbered], self.state = number([append], self.state, datetime.now(UTC), self._environment)
        return list(numbered.records)

    def write(self, *records: Record) -> None:
        self._owner.commit(records, {}, frozenset({self._partition}))

    def close(self) -> None:
        self._owner.close()


class Overtaken(KafkaOwner):
    """An owner whose every claim of ``partition`` comes just after ``others`` have done something."""

    partition: str
    others: Callable[[], None]

    def claim(self, partition: str, term: int, now: datetime) -> Record:
        if partition == self.partition:
            self.others()
        return super().claim(partition, term, now)


class OvertakenLog(KafkaLog):
    """A log with such an owner."""

    partition: str
    others: Callable[[], None]

    def owner(self) -> Overtaken:
        owner = super().owner()
        owner.__class__ = Overtaken
        assert isinstance(owner, Overtaken)
        owner.partition, owner.others = self.partition, self.others
        return owner


def overtaken_log(bootstrap: str, environment: str, partition: str, *others: Callable[[], None]) -> OvertakenLog:
    """Its log: before the first claim of ``partition`` the first of ``others`` happens, before the second the next."""
    log, waiting = OvertakenLog(bootstrap, environment, "overtaken"), list(others)
    log.partition, log.others = partition, lambda: waiting.pop(0)() if waiting else None
    return log
