"""Mistakes put into the ledger's code on purpose: a simulation that does not find them proves nothing.

Each is a patch of the real code for as long as it is entered.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from confluent_kafka import TopicPartition

from commands.timers import timer_command
from domain.payment.aggregate import Payment
from infra.eventlog.kafka_owner import KafkaOwner
from infra.eventlog.listener import Entry
from infra.eventlog.log import NotOwner, Owner, nothing
from infra.eventlog.record import Record
from infra.eventlog.takeover import Takeover
from infra.eventlog.window import WindowThread
from infra.eventlog.window_commit import WindowCommit
from infra.node.node import Node
from infra.node.partition import Served

Mistake = Callable[[], AbstractContextManager[Any]]


def answer_before_commit() -> AbstractContextManager[Any]:
    """A window's results are told when it has been numbered."""

    def commit(self: WindowThread, owner: Owner, entries: Sequence[Entry]) -> None:
        window = WindowCommit(self._serving, self._log.environment, self._clock())
        window.number(entries)
        self._listener.settled(window.results(entries))
        window.finish(owner.commit(window.records, window.data_keys, window.partitions, window.stage))

    return patch.object(WindowThread, "_commit", commit)


def serve_without_reading_the_claim() -> AbstractContextManager[Any]:
    """A partition is served as soon as it is claimed: what a former owner was committing is not known."""

    def advance(self: Takeover, partition: str) -> bool:
        index, claim = self._indexes[partition], self._claims.get(partition)
        if claim is None:
            if self._catch_up.reached(partition, self._ends[partition]):
                self._claim(partition, index)
            return False
        index.absorb((), (), index.state.with_claim(claim))
        return self._catch_up.derived(partition)

    return patch.object(Takeover, "_advance", advance)


def fence_before_delivery() -> AbstractContextManager[Any]:
    """The fence is asked while records are on their way: a claim may come to stand before them."""

    def commit(
        self: KafkaOwner,
        records: Sequence[Record],
        data_keys: Mapping[str, bytes],
        proves: frozenset[str],
        meanwhile: Callable[[], None] = nothing,
    ) -> Mapping[str, int]:
        last = {record.partition: position for position, record in enumerate(records)}
        partitions = proves | last.keys()
        membership, assigned = self._membership.proof()
        if missing := partitions - (assigned & self._claims.keys()):
            raise NotOwner(missing)
        positions = [self._names.place(partition, self._claims[partition]) for partition in partitions]
        with self._transaction(partitions) as transaction:
            for position, record in enumerate(records):
                self._produce(transaction, record, report=last[record.partition] == position)
            for key, wrapped in data_keys.items():
                transaction.produce(TopicPartition(self._names.keys, 0), key.encode(), wrapped, [], report=False)
            meanwhile()
            transaction.send_offsets(positions, membership)
            transaction.flush()
        return {partition: self._offset(transaction, partition) + 1 for partition in last}

    return patch.object(KafkaOwner, "commit", commit)


def decide_again_when_unknown() -> AbstractContextManager[Any]:
    """An unknown outcome is taken for a failure: all is decided again on what was known before."""

    def not_committed(self: WindowThread, owner: Owner, partitions: set[str], error: Exception) -> None:
        owner.recover()
        self._fail(partitions, str(error))

    return patch.object(WindowThread, "_not_committed", not_committed)


def fire_timers_twice() -> AbstractContextManager[Any]:
    """What fell due fires again under another id, so that the second is not known as one."""

    def fire_due(self: Served, key: str, _at_most: int = 0) -> None:
        timer = self.shard.next_due(key, self.now())
        if timer is not None:
            tenant, _, customer = key.partition("/")
            command = timer_command(tenant, customer, timer.stream, timer.kind, timer.due)
            for each in (command, replace(command, id=command.id.replace("+00:00", "Z"))):
                self.enqueue(each).future.add_done_callback(_retrieved)

    return patch.object(Served, "fire_due", fire_due)


@contextmanager
def call_before_commit() -> Iterator[None]:
    """The provider is called when an attempt has been decided."""
    nodes: list[Node] = []
    enqueue, on_serving = Served.enqueue, Node.on_serving

    def and_call(self: Served, *arguments: Any, **more: Any) -> Any:
        ticket = enqueue(self, *arguments, **more)
        for aggregate in getattr(ticket.decision, "touched", ()):
            if isinstance(aggregate, Payment) and aggregate.state == "pending":
                nodes[-1]._start_effect(self, aggregate)
        return ticket

    def remember(self: Node, *arguments: Any) -> None:
        nodes.append(self)
        on_serving(self, *arguments)

    with patch.object(Served, "enqueue", and_call), patch.object(Node, "on_serving", remember):
        yield


def _retrieved(future: Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


MISTAKES: Mapping[str, Mistake] = {
    mistake.__name__: mistake
    for mistake in (
        answer_before_commit,
        serve_without_reading_the_claim,
        fence_before_delivery,
        decide_again_when_unknown,
        fire_timers_twice,
        call_before_commit,
    )
}
