"""In the place of confluent_kafka's consumer as a member of the group of owners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from tests.simulation.broker import Place
from tests.simulation.wire import Wire

HEARTBEAT_S = 1.0
POLL_LIMIT_S = 10.0


class Membership(NamedTuple):
    """What ``consumer_group_metadata`` gives."""

    member: str
    epoch: int


class Member:
    """The member of the group of owners. It learns of its partitions in the background, and takes them over in ``poll`` alone."""

    def __init__(self, wire: Wire, number: int) -> None:
        self._wire = wire
        self._kernel = wire.kernel
        self._host = wire.kernel.host
        self._id = f"{self._host.name}#{number}"
        self._epoch = 0
        self._has: frozenset[Place] = frozenset()
        self._wanted: frozenset[Place] = frozenset()
        self._out = False  # put out of the group, and the application has not been told yet
        self._closed = False
        self._polled_at = 0.0

    def subscribe(self, topics: list[str], on_assign: Any, on_revoke: Any, on_lost: Any) -> None:  # noqa: ARG002
        self._on_assign, self._on_revoke, self._on_lost = on_assign, on_revoke, on_lost
        self._polled_at = self._kernel.now
        self._kernel.after(self._kernel.latency(), self._heartbeat)

    def poll(self, timeout: float) -> None:
        if timeout > 0:
            self._kernel.sleep(timeout)
        self._polled_at = self._kernel.now
        if self._out:
            self._out = False
            if self._has:
                self._on_lost(self, _places(self._has))
            self._wanted = frozenset()
        elif gone := self._has - self._wanted:
            self._on_revoke(self, _places(gone))
        elif new := self._wanted - self._has:
            self._on_assign(self, _places(new))
        else:
            return
        self._kernel.after(self._kernel.latency(), self._heartbeat, True)

    def incremental_assign(self, places: Iterable[TopicPartition]) -> None:
        self._has |= {(place.topic, place.partition) for place in places}

    def incremental_unassign(self, places: Iterable[TopicPartition]) -> None:
        self._has -= {(place.topic, place.partition) for place in places}

    def pause(self, places: Iterable[TopicPartition]) -> None:
        """It never reads."""

    def assignment(self) -> list[TopicPartition]:
        return _places(self._has)

    def consumer_group_metadata(self) -> Membership:
        return Membership(self._id, self._epoch)

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self._wire.travel(timeout)
        offsets = self._wire.cluster.group_offsets
        found = [TopicPartition(p.topic, p.partition, offsets.get((p.topic, p.partition), -1001)) for p in places]
        self._wire.travel(timeout)
        return found

    def close(self) -> None:
        self._closed = True
        self._wire.travel()
        if self._has:
            self._on_revoke(self, _places(self._has))
        self._wire.group.leave(self._id)

    def _heartbeat(self, extra: bool = False) -> None:
        """In the background; ``extra`` ones come beside those that come regularly."""
        now, host = self._kernel.now, self._host
        if host.dead or self._closed:
            return
        if not extra:
            self._kernel.after(HEARTBEAT_S + self._kernel.latency(0.01), self._heartbeat)
        if self._out or max(host.paused_until, host.cut_until) > now:
            return
        if now > self._polled_at + POLL_LIMIT_S:
            self._wire.group.leave(self._id)
            self._put_out()
            return
        self._kernel.after(self._kernel.latency(), self._beat)

    def _beat(self) -> None:
        """It has arrived at the coordinator; the answer goes back."""
        if self._closed or self._out:
            return
        try:
            answer = self._wire.group.heartbeat(self._id, self._epoch, self._has)
        except KafkaException:
            self._put_out()
            return
        self._epoch, self._wanted = answer.epoch, answer.assignment

    def _put_out(self) -> None:
        self._out = True
        self._epoch = 0


def _places(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in sorted(places)]
