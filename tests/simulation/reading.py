"""In the place of confluent_kafka's consumer as a reader of given partitions, and of its admin client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import ConfigResource

from tests.simulation.broker import Place, refusal
from tests.simulation.wire import Message, Wire

FETCH_S = 0.002


class Reading:
    """A consumer of given partitions, from given offsets on, that tells where each ends."""

    def __init__(self, wire: Wire, settings: Mapping[str, Any]) -> None:
        self._wire = wire
        self._kernel = wire.kernel
        self._host = wire.kernel.host
        self._uncommitted = settings.get("isolation.level") == "read_uncommitted"
        self._positions: dict[Place, int] = {}
        self._told: dict[Place, int] = {}
        self._buffer: list[Message] = []

    def assign(self, places: list[TopicPartition]) -> None:
        self._positions = {(place.topic, place.partition): place.offset for place in places}

    def poll(self, timeout: float) -> Message | None:
        self._await(timeout)
        return self._buffer.pop(0) if self._buffer else None

    def consume(self, count: int, timeout: float) -> list[Message]:
        if not self._buffer:
            self._await(timeout)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def close(self) -> None:
        self._positions.clear()

    def _await(self, timeout: float) -> None:
        """Until there is something to read, or for a time."""
        deadline = self._kernel.now + timeout
        if timeout > 0:
            self._kernel.sleep(min(timeout, self._kernel.latency(FETCH_S)))
            self._wire.faults.reach("reading")
        self._fetch()
        while not self._buffer and self._kernel.now < deadline:
            self._kernel.park(self._wire.cluster, deadline - self._kernel.now)
            self._fetch()

    def _fetch(self) -> None:
        """Into the buffer, unless it is on its way still."""
        if self._buffer or self._host.cut_until > self._kernel.now or self._kernel.chance(0.1):
            return
        for place, position in self._positions.items():
            if self._wire.cluster.away(place):
                continue
            partition = self._wire.cluster.partitions[place]
            found = partition.written(position) if self._uncommitted else partition.committed(position)
            self._buffer += [Message(place, offset, entry) for offset, entry in found]
            end = len(partition.entries) if self._uncommitted else partition.stable
            end = self._positions[place] = max(position, end)
            if self._told.get(place) != end:
                self._told[place] = end
                self._buffer.append(Message(place, end, None, KafkaError(KafkaError._PARTITION_EOF)))


class Admin:
    """The admin client, as far as it is asked."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list_offsets(
        self, asked: Mapping[TopicPartition, Any], isolation_level: Any, request_timeout: float
    ) -> dict[Any, Answer]:
        committed = isolation_level == IsolationLevel.READ_COMMITTED
        return {place: Answer(partial(self._end, place, committed, request_timeout)) for place in asked}

    def describe_cluster(self, request_timeout: float) -> Answer:  # noqa: ARG002
        return Answer(lambda: _Described(cluster_id="simulated"))

    def describe_topics(self, topics: Any, request_timeout: float) -> dict[str, Answer]:  # noqa: ARG002
        counts: dict[str, int] = {}
        for topic, _ in self._wire.cluster.partitions:
            counts[topic] = counts.get(topic, 0) + 1
        return {name: Answer(partial(_Described, topic_id=name, partitions=range(count))) for name, count in counts.items()}

    def describe_configs(self, asked: list[ConfigResource], request_timeout: float) -> dict[Any, Answer]:  # noqa: ARG002
        settings = {"min.insync.replicas": _Described(name="min.insync.replicas", value="1")}
        return {each: Answer(lambda: settings) for each in asked}

    def list_topics(self, topic: str, timeout: float) -> _Described:
        self._wire.travel(timeout)
        partitions = {
            place[1]: _Described(id=place[1], leader=self._wire.cluster.leader(place), replicas=[1], isrs=[1])
            for place in self._wire.cluster.partitions
            if place[0] == topic
        }
        self._wire.travel(timeout)
        return _Described(topics={topic: _Described(partitions=partitions)})

    def _end(self, place: TopicPartition, committed: bool, limit_s: float) -> _Described:
        self._wire.travel(limit_s)
        self._wire.faults.reach("asking")
        if self._wire.cluster.away((place.topic, place.partition)):
            raise refusal(KafkaError.LEADER_NOT_AVAILABLE, "no leader", retriable=True)
        partition = self._wire.cluster.partitions[place.topic, place.partition]
        end = partition.stable if committed else len(partition.entries)
        self._wire.travel(limit_s)
        return _Described(offset=end)


class Answer:
    """A future that asks when its result is wanted."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self._ask = ask

    def result(self, timeout: float | None = None) -> Any:  # noqa: ARG002
        return self._ask()


class _Described:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
