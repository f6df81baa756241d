"""What stands in for confluent_kafka's clients in simulated code: the calls that the ledger makes, as librdkafka does them.

A call takes a way there and a way back. A host that is paused between the two has been heard; what it sent arrives even when it
is dead by then. ``Faults.reach`` marks the points at which a schedule may step in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from tests.simulation.broker import Cluster, Entry, Header, Place, refusal
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.kernel import Kernel

REQUEST_LIMIT_S = 10.0
DELIVERY_LIMIT_S = 8.0
CONCURRENT_S = 0.02
HEARTBEAT_S = 1.0
POLL_LIMIT_S = 10.0
FETCH_S = 0.002


@dataclass(frozen=True, slots=True)
class Wire:
    """What all clients of a world share."""

    kernel: Kernel
    cluster: Cluster
    group: Group
    faults: Faults

    def travel(self, limit_s: float = REQUEST_LIMIT_S) -> None:
        """One way of a request; raises KafkaException where the brokers are not reached for ``limit_s``."""
        kernel, host = self.kernel, self.kernel.host
        deadline = kernel.now + limit_s
        kernel.sleep(kernel.latency())
        while host.cut_until > kernel.now:
            if kernel.now >= deadline:
                raise refusal(KafkaError._TIMED_OUT, "the brokers are not reached", retriable=True)
            kernel.sleep(min(host.cut_until, deadline) - kernel.now)


class Message(NamedTuple):
    """A consumed record, or with ``fault`` the end of a partition; or what a delivery report shows."""

    place: Place
    at: int
    entry: Entry | None = None
    fault: KafkaError | None = None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return self.fault

    def key(self) -> bytes | None:
        return self.entry.key if self.entry else None

    def value(self) -> bytes | None:
        return self.entry.value if self.entry else None

    def headers(self) -> list[Header]:
        return list(self.entry.headers) if self.entry else []

    def timestamp(self) -> tuple[int, int]:
        return 2, self.entry.timestamp_ms if self.entry else 0


Report = Callable[[KafkaError | None, Message], None]
Queued = tuple[bytes, bytes, tuple[Header, ...]]


class Producer:
    """A transactional producer. Records leave in the background as soon as they are produced, each partition's on their own."""

    def __init__(self, wire: Wire, settings: Mapping[str, Any]) -> None:
        self._wire = wire
        self._kernel = wire.kernel
        self._host = wire.kernel.host
        self._id = str(settings["transactional.id"])
        self._epoch = 0
        self._queued: dict[Place, list[Queued]] = {}
        self._flying: dict[Place, int] = {}
        self._reports: list[Callable[[], None]] = []
        self._report: dict[Place, Report] = {}
        self._failed: KafkaError | None = None
        self._begun_at = 0.0

    def init_transactions(self, timeout: float = REQUEST_LIMIT_S) -> None:
        deadline = self._kernel.now + timeout
        while True:
            self._wire.travel()
            self._fail_at("settling")
            epoch = self._wire.cluster.begin_epoch(self._id)
            self._wire.travel()
            if epoch is not None:
                self._epoch = epoch
                return
            if self._kernel.now >= deadline:
                raise refusal(KafkaError._TIMED_OUT, "init_transactions", retriable=True)
            self._kernel.sleep(CONCURRENT_S)

    def begin_transaction(self) -> None:
        self._failed = None
        self._begun_at = self._kernel.now
        self._queued.clear()
        self._report.clear()

    def produce(
        self,
        topic: str,
        value: bytes,
        key: bytes,
        partition: int,
        on_delivery: Report | None,
        headers: Sequence[tuple[str, str | bytes]],
    ) -> None:
        place = (topic, partition)
        first = place not in self._queued
        sent = tuple((name, text.encode() if isinstance(text, str) else text) for name, text in headers)
        self._queued.setdefault(place, []).append((key, value, sent))
        if on_delivery is not None:
            self._report[place] = on_delivery
        if first:
            self._kernel.after(self._kernel.latency(self._wire.cluster.append_delay_s), self._send, place, self._begun_at)

    def poll(self, timeout: float) -> int:
        self._kernel.sleep(timeout)
        return self._serve()

    def flush(self, timeout: float | None = None) -> int:  # noqa: ARG002
        """Until everything is delivered or has failed."""
        while (self._queued or self._flying) and self._failed is None:
            if not self._kernel.park(self, DELIVERY_LIMIT_S) and (self._queued or self._flying):
                self._failed = KafkaError(KafkaError._MSG_TIMED_OUT, "not delivered in time")
        self._serve()
        if self._failed is not None:
            failed, self._queued = self._failed, {}
            for place, report in self._report.items():
                report(failed, Message(place, -1))
        return 0

    def send_offsets_to_transaction(self, positions: list[TopicPartition], membership: Membership) -> None:
        offsets = {(place.topic, place.partition): place.offset for place in positions}
        while True:
            self._wire.travel()
            self._fail_at("proving")
            self._wire.group.check(membership.member, membership.epoch)
            added = self._wire.cluster.add_offsets(self._id, self._epoch, offsets)
            self._wire.faults.reach("proved")
            self._wire.travel()
            if added:
                return
            self._kernel.sleep(CONCURRENT_S)

    def commit_transaction(self) -> None:
        self.flush()
        if self._failed is not None:
            raise KafkaException(KafkaError(self._failed.code(), "not delivered", False, False, True))
        self._wire.travel()
        self._fail_at("committing")
        self._wire.cluster.end(self._id, self._epoch, "committed")
        self._fail_at("committed")
        self._wire.travel()

    def abort_transaction(self) -> None:
        self._queued.clear()
        self._wire.travel()
        self._wire.cluster.end(self._id, self._epoch, "aborted")
        self._wire.travel()

    def _fail_at(self, point: str) -> None:
        if self._wire.faults.reach(point):
            raise refusal(KafkaError._TIMED_OUT, f"no answer ({point})", retriable=True)

    def _send(self, place: Place, begun_at: float) -> None:
        """In the background: what waits for a partition leaves its host."""
        now = self._kernel.now
        if self._host.dead or begun_at != self._begun_at or place not in self._queued:
            return
        wait = max(self._host.paused_until, self._host.cut_until) - now
        if wait > 0:
            self._kernel.after(wait, self._send, place, begun_at)
            return
        wait = self._wire.faults.delay(self._host, "appending")
        if wait > 0:
            self._kernel.after(wait, self._send, place, begun_at)
            return
        batch = self._queued.pop(place)
        self._flying[place] = self._flying.get(place, 0) + 1
        self._kernel.after(self._kernel.latency(), self._arrive, place, batch, self._epoch)

    def _arrive(self, place: Place, batch: list[Queued], epoch: int) -> None:
        try:
            last = self._wire.cluster.append(self._id, epoch, place, batch)
        except KafkaException as error:
            self._landed(place, partial(self._refused, error.args[0]))
            return
        if last is None:
            self._kernel.after(CONCURRENT_S, self._arrive, place, batch, epoch)
            return
        entry = self._wire.cluster.partitions[place].entries[last]
        self._landed(place, partial(self._delivered, place, last, entry))

    def _landed(self, place: Place, report: Callable[[], None]) -> None:
        def back() -> None:
            self._flying[place] -= 1
            if not self._flying[place]:
                del self._flying[place]
            self._reports.append(report)
            self._kernel.wake(self)

        self._kernel.after(self._kernel.latency(), back)

    def _delivered(self, place: Place, last: int, entry: Entry) -> None:
        if place in self._report:
            self._report[place](None, Message(place, last, entry))

    def _refused(self, error: KafkaError) -> None:
        self._failed = error

    def _serve(self) -> int:
        reports, self._reports = self._reports, []
        for report in reports:
            report()
        return len(reports)


class Membership(NamedTuple):
    """What ``consumer_group_metadata`` gives."""

    member: str
    epoch: int


class GroupConsumer:
    """The member of the group of owners. It learns of its partitions in the background, and takes them over in ``poll`` alone."""

    _number = 0

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
        deadline = self._kernel.now + timeout
        if timeout > 0:
            self._kernel.sleep(min(timeout, self._kernel.latency(FETCH_S)))
            self._wire.faults.reach("reading")
        self._fetch()
        while not self._buffer and self._kernel.now < deadline:
            self._kernel.park(self._wire.cluster, deadline - self._kernel.now)
            self._fetch()
        return self._buffer.pop(0) if self._buffer else None

    def consume(self, count: int, timeout: float) -> list[Message]:  # noqa: ARG002
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def close(self) -> None:
        self._positions.clear()

    def _fetch(self) -> None:
        """Into the buffer, unless it is on its way still."""
        if self._buffer or self._host.cut_until > self._kernel.now or self._kernel.chance(0.1):
            return
        for place, position in self._positions.items():
            partition = self._wire.cluster.partitions[place]
            self._buffer += [Message(place, offset, entry) for offset, entry in partition.committed(position)]
            end = self._positions[place] = max(position, partition.stable)
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

    def _end(self, place: TopicPartition, committed: bool, limit_s: float) -> _Described:
        self._wire.travel(limit_s)
        self._wire.faults.reach("asking")
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


def _places(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in sorted(places)]
