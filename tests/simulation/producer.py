"""In the place of confluent_kafka's transactional producer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from infra.eventlog.log import nothing
from tests.simulation.broker import Entry, Header, Place, refusal
from tests.simulation.member import Membership
from tests.simulation.wire import Message, Wire

DELIVERY_LIMIT_S = 8.0
CONCURRENT_S = 0.02

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

    def init_transactions(self, timeout: float) -> None:
        self._begin_epoch(timeout)

    def _begin_epoch(self, timeout: float) -> None:
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
                raise refusal(KafkaError.CONCURRENT_TRANSACTIONS, "init_transactions", retriable=True)
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

    def abort_transaction(self, timeout: float) -> None:
        self._queued.clear()
        self._wire.travel()
        self._wire.cluster.end(self._id, self._epoch, "aborted")
        self._wire.travel()
        if self._flying:  # what these came to is not known: it needs a new epoch, which waits for the markers
            self._begin_epoch(timeout)

    def _fail_at(self, point: str) -> None:
        if self._wire.faults.reach(point):
            raise refusal(KafkaError._TIMED_OUT, f"no answer ({point})")

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
        self._kernel.after(self._kernel.latency(), self._arrive, place, batch, self._epoch, begun_at)

    def _arrive(self, place: Place, batch: list[Queued], epoch: int, begun_at: float) -> None:
        if self._failed is not None or begun_at != self._begun_at:  # given up meanwhile
            self._landed(place, nothing)
            return
        try:
            last = self._wire.cluster.append(self._id, epoch, place, batch)
        except KafkaException as error:
            self._landed(place, partial(self._refused, error.args[0]))
            return
        if last is None:
            self._kernel.after(CONCURRENT_S, self._arrive, place, batch, epoch, begun_at)
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
