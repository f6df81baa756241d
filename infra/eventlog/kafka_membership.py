"""Membership in a group (KIP-848), the owners' above all: which partitions are ours, and the proof of it that each window sends.

The group's consumer never reads: its partitions are paused. Rebalance callbacks run inside ``poll`` alone, so that between two
polls, and thus during a window, what is ours does not change under our hands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Thread
from typing import Any

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from infra.eventlog.kafka_client import REQUEST_LIMIT_S, Bootstrap, client
from infra.eventlog.log import Change, LogUnavailable
from infra.eventlog.topics import Names

POLL_LIMIT_MS = 10_000
_SLICE_S = 0.05
_CLOSE_LIMIT_S = 3.0
_FATAL = frozenset({
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE,
})  # fmt: skip

_log = structlog.stdlib.get_logger(__name__)


class Membership:
    """This process in a group; it joins at the first poll. One thread makes all calls."""

    def __init__(self, bootstrap: Bootstrap, names: Names, group: str, address: str) -> None:
        self._names = names
        self._group = group
        self._settings = client(
            bootstrap,
            **{
                "group.id": group,
                "group.protocol": "consumer",
                "client.id": address,  # by it others find who owns what
                "isolation.level": "read_uncommitted",  # else ``committed`` waits for a dead owner's open window
                "max.poll.interval.ms": POLL_LIMIT_MS,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
            },
        )
        self._consumer = Consumer(self._settings)
        self._joined = False
        self._gained: set[str] = set()
        self._lost: set[str] = set()

    def poll(self, timeout_s: float) -> Change:
        """Serve the group until something changes, at most ``timeout_s``. Raises LogUnavailable."""
        if not self._joined:
            self._join()
        deadline = time.monotonic() + timeout_s
        while True:
            remaining = deadline - time.monotonic()
            self._serve(max(0.0, min(_SLICE_S, remaining)))
            if self._gained or self._lost or remaining <= _SLICE_S:
                return self._change()

    def assigned(self) -> frozenset[str]:
        return frozenset(self._names.partition(place) for place in self._consumer.assignment())

    def proof(self) -> tuple[Any, frozenset[str]]:
        """The membership to send with a window, and what was assigned *after* it was taken; no poll may come between the two."""
        metadata = self._consumer.consumer_group_metadata()
        return metadata, self.assigned()

    def committed(self, partition: str) -> int:
        """The offset that the group has for ``partition``: of its last owner's claim; negative if none. Raises LogUnavailable."""
        try:
            (place,) = self._consumer.committed([self._names.place(partition)], timeout=REQUEST_LIMIT_S)
        except KafkaException as error:
            raise LogUnavailable(f"{self._group}: {error.args[0].str()}") from error
        return int(place.offset)

    def close(self) -> None:
        """Leave the group. A coordinator that does not answer is not waited for: the session's end says the same."""
        leaving = self._leave()
        leaving.join(_CLOSE_LIMIT_S)
        if leaving.is_alive():
            _log.warning("the group was not left in time", group=self._group)

    def _leave(self) -> Thread:
        leaving = Thread(target=self._consumer.close, name="leave-group", daemon=True)
        leaving.start()
        return leaving

    def _join_anew(self) -> None:
        """As a new member, who owns nothing yet.

        A client that stood still for too long leaves the group by itself, and joins again when it is polled; but not always
        where the group's coordinator had been cut off or moved meanwhile: minutes later it was no member yet.
        """
        self._lost |= self.assigned()
        self._gained.clear()
        self._leave()
        self._consumer = Consumer(self._settings)
        self._join()

    def _join(self) -> None:
        topics = [self._names.events, self._names.catalog]
        self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)
        self._joined = True

    def _serve(self, timeout_s: float) -> None:
        message = self._consumer.poll(timeout_s)
        error = message.error() if message is not None else None
        if error is None:
            return
        if error.fatal() or error.code() in _FATAL:
            raise LogUnavailable(f"{self._group}: {error.str()}")
        _log.warning("group", group=self._group, error=error.str())
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:
            self._join_anew()

    def _change(self) -> Change:
        change = Change(frozenset(self._gained), frozenset(self._lost))
        self._gained.clear()
        self._lost.clear()
        return change

    def _on_assign(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        if consumer is not self._consumer:
            return
        consumer.incremental_assign([TopicPartition(place.topic, place.partition, OFFSET_END) for place in places])
        consumer.pause(list(places))
        self._gained.update(self._names.partition(place) for place in places)

    def _on_revoke(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        consumer.incremental_unassign(list(places))
        if consumer is not self._consumer:  # a former one, which is leaving
            return
        gone = {self._names.partition(place) for place in places}
        self._gained -= gone
        self._lost |= gone


class GroupShare:
    """A share of the partitions, by membership."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def poll(self) -> frozenset[str]:
        """Raises LogUnavailable."""
        self._membership.poll(0)
        return self._membership.assigned()

    def close(self) -> None:
        self._membership.close()
