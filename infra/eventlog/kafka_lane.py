"""A lane: one transactional producer. What a failure means is decided here, by whether a commit was asked for before it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from infra.eventlog.kafka_client import REQUEST_LIMIT_S, Bootstrap, client
from infra.eventlog.log import Aborted, AppendError, LogUnavailable, NotOwner, OutcomeUnknown, RecordRefused

TRANSACTION_LIMIT_MS = 10_000
_DELIVERY_LIMIT_MS = 8_000
FENCE_LIMIT_S = 5.0
# With the delivery's limit before it, less than the group waits for a poll.
_ABORT_LIMIT_S = 1.5
# An id whose last transaction has no end after so long is left to itself: markers are written in milliseconds.
_UNSETTLED_S = 2.0
# Above the largest record that is admitted, and with a batch's overhead still under the broker's default of 1,048,588.
_MESSAGE_LIMIT_BYTES = 1_040_000

_SETTLED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
_SETTLED_BY = "another process has settled its transactions, as a successor or under the same SUBLEDGER_NODE"
_PUT_OUT = frozenset({KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError.FENCED_MEMBER_EPOCH})
_REFUSED = frozenset({
    KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD,
})  # fmt: skip

_log = structlog.stdlib.get_logger(__name__)


class Unsettled(Aborted):
    """A transactional id takes no transaction: its last one is decided, but does not end before its marker stands in every
    partition that it wrote to, and the leader of one of them is away.
    """


@dataclass(slots=True)
class Transaction:
    """An open transaction. After ``flush``, ``delivered`` holds the last offset and broker time (ms) by topic and partition."""

    producer: Producer
    delivered: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    failed: list[KafkaError] = field(default_factory=list)
    wrote: bool = False

    def produce(
        self, place: TopicPartition, key: bytes, value: bytes, headers: Sequence[tuple[str, str | bytes]], report: bool = True
    ) -> None:
        """Queue a record; ``report`` where its delivery is wanted (a partition's last stands for all before it)."""
        self.wrote = True
        callback = self._on_delivery if report else None
        while True:
            try:
                self.producer.produce(place.topic, value, key, place.partition, on_delivery=callback, headers=list(headers))
                return
            except BufferError:
                self.producer.poll(0.05)

    def send_offsets(self, positions: Sequence[TopicPartition], membership: Any) -> None:
        """The fence: the broker refuses a stale membership. Raises TimeoutError where the call does not come back at all.

        After a longer absence of the group's coordinator librdkafka may wait for ever, whatever the call's own limit
        (confluentinc/librdkafka#5456, #5511): the thread and its producer are left behind.
        """
        if not positions:
            return
        failed: list[KafkaException] = []

        def send() -> None:
            try:
                self.producer.send_offsets_to_transaction(list(positions), membership)
            except KafkaException as error:
                failed.append(error)

        sending = Thread(target=send, name="send-offsets", daemon=True)
        sending.start()
        sending.join(FENCE_LIMIT_S)
        if sending.is_alive():
            raise TimeoutError(f"the group's coordinator did not answer within {FENCE_LIMIT_S} s")
        if failed:
            raise failed[0]

    def flush(self) -> None:
        """Wait until every record is delivered. Raises KafkaException for one that was not."""
        self.producer.flush()
        if self.failed:
            # What the broker said (> 0) comes before what the client did about it: purging the rest.
            raise KafkaException(max(self.failed, key=lambda error: error.code()))

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(error)
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self.delivered[topic, partition] = (offset, message.timestamp()[1])


class Lane:
    """One transactional id and its producer, made anew whenever the old one can do no more."""

    def __init__(self, bootstrap: Bootstrap, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._bootstrap = bootstrap
        self._producer: Producer | None = None

    def settle(self) -> None:
        """Start afresh: whatever this id left open is ended at the broker. Raises Unsettled, LogUnavailable."""
        self.drop()
        try:
            producer = Producer(
                client(
                    self._bootstrap,
                    **{
                        "transactional.id": self.transactional_id,
                        "transaction.timeout.ms": TRANSACTION_LIMIT_MS,
                        "message.timeout.ms": _DELIVERY_LIMIT_MS,
                        "message.max.bytes": _MESSAGE_LIMIT_BYTES,
                        "queue.buffering.max.messages": 1_000_000,
                        "linger.ms": 0,
                        "compression.type": "lz4",
                    },
                )
            )
            _settle(producer)
        except KafkaException as error:
            unsettled = error.args[0].code() == KafkaError.CONCURRENT_TRANSACTIONS
            refusal = Unsettled if unsettled else LogUnavailable
            raise refusal(f"{self.transactional_id} could not be settled: {error.args[0].str()}") from error
        self._producer = producer

    @contextmanager
    def transaction(self, partitions: frozenset[str]) -> Iterator[Transaction]:
        """Commit what the block wrote, or nothing. ``partitions`` are those that a NotOwner names. Raises an AppendError."""
        producer = self.ready()
        transaction = Transaction(producer)
        try:
            with _fatal_as_itself():
                producer.begin_transaction()
                yield transaction
        except KafkaException as error:
            self._abort(producer)
            raise _meaning(error, partitions) from error
        except TimeoutError as error:
            self.drop()
            raise Aborted(str(error)) from error
        except BaseException:
            self._abort(producer)
            raise
        self._commit(transaction, partitions)

    def drop(self) -> None:
        """Let the producer go; the next use settles the lane first."""
        self._producer = None

    def ready(self) -> Producer:
        """Its producer, settled where it was dropped. Raises Aborted."""
        if self._producer is None:
            try:
                self.settle()
            except LogUnavailable as error:
                raise Aborted(str(error)) from error
        assert self._producer is not None
        return self._producer

    def _commit(self, transaction: Transaction, partitions: frozenset[str]) -> None:
        try:
            with _fatal_as_itself():
                transaction.producer.commit_transaction()
        except KafkaException as error:
            # Aborting in good order proves that nothing was committed.
            aborted = error.args[0].txn_requires_abort() and self._abort(transaction.producer)
            if not aborted:
                self.drop()
            if aborted or not transaction.wrote:
                raise _meaning(error, partitions) from error
            raise OutcomeUnknown(f"{self.transactional_id}: {error.args[0].str()}") from error

    def _abort(self, producer: Producer) -> bool:
        """Was the transaction aborted in good order? If not, the lane is settled before its next use.

        Nothing hangs on its end, since no commit is asked for after it. Where a record's delivery is not known it waits for
        markers, which do not come as long as a leader is away.
        """
        try:
            with _fatal_as_itself():
                producer.abort_transaction(_ABORT_LIMIT_S)
        except KafkaException as error:
            _log.warning("abort failed", transactional_id=self.transactional_id, error=error.args[0].str())
            self.drop()
            return False
        return True


def _settle(producer: Producer) -> None:
    """Raises KafkaException: where a former transaction has no end soon, where nobody answers only after a while."""
    deadline = time.monotonic() + REQUEST_LIMIT_S
    while True:
        try:
            producer.init_transactions(_UNSETTLED_S)
            return
        except KafkaException as error:
            waits = error.args[0].retriable() and error.args[0].code() != KafkaError.CONCURRENT_TRANSACTIONS
            if not waits or time.monotonic() > deadline:
                raise


@contextmanager
def _fatal_as_itself() -> Iterator[None]:
    """Raises KafkaException for a fatal error of the client's, whatever follows it.

    The client raises it in the midst of its callbacks, and goes on with those for the records that were not delivered: the first
    call in one of them, with an exception pending, is a SystemError to Python.
    """
    try:
        yield
    except SystemError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KafkaException):
            cause = cause.__cause__
        if cause is None:
            raise
        raise cause from error


def _meaning(error: KafkaException, partitions: frozenset[str]) -> AppendError:
    """What an error means that came before a commit could take place."""
    code = error.args[0].code()
    if code in _SETTLED:
        return NotOwner(partitions, _SETTLED_BY)
    if code in _PUT_OUT:
        return NotOwner(partitions, "the group of owners has put this node out")
    if code in _REFUSED:
        return RecordRefused(error.args[0].str())
    return Aborted(error.args[0].str())
