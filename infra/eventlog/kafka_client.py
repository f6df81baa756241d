"""What every client of the broker shares: its settings, and reads that need no state."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.eventlog.log import LogUnavailable

# The brokers' addresses, or all settings that it takes to reach them (``bootstrap.servers``, security).
Bootstrap = str | Mapping[str, str]

REQUEST_LIMIT_S = 10.0
SILENCE_S = 5.0  # of a leader that may be none any more

# While a leader is elected, or a new topic is not known everywhere yet, nobody answers for a partition; that passes.
_LEADER_MOVES = frozenset({
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.FENCED_LEADER_EPOCH, KafkaError._NOENT,
})  # fmt: skip

_REPEAT_S = 10.0

_logger = logging.getLogger("subledger.kafka")


class SeldomRepeated(logging.Filter):
    """Lets a message through once in a while only: a client whose broker is away says so twenty times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text, now = record.getMessage(), time.monotonic()
        if now - self._passed.get(text, -_REPEAT_S) < _REPEAT_S:
            return False
        self._passed = {other: at for other, at in self._passed.items() if now - at < _REPEAT_S}
        self._passed[text] = now
        return True


_logger.addFilter(SeldomRepeated())


def client(bootstrap: Bootstrap, **settings: Any) -> dict[str, Any]:
    """Settings of any client; librdkafka's own messages go to the log."""
    reach = {"bootstrap.servers": bootstrap} if isinstance(bootstrap, str) else bootstrap
    return {**reach, "logger": _logger, **settings}


def addresses(bootstrap: Bootstrap) -> str:
    """Where the brokers are said to be: librdkafka does not name them when none answers."""
    return bootstrap if isinstance(bootstrap, str) else bootstrap["bootstrap.servers"]


def asking_client(bootstrap: Bootstrap) -> AdminClient:
    """One that leaves a broker which is silent. By default a client asks a frozen one for a minute who leads."""
    return AdminClient(client(bootstrap, **{"socket.timeout.ms": int(SILENCE_S * 1000)}))


def assigned_consumer(bootstrap: Bootstrap, places: list[TopicPartition], isolation: str = "read_committed") -> Consumer:
    """A consumer of ``places`` from their offsets on, outside any group. An offset that the log does not have is an error."""
    consumer = Consumer(
        client(
            bootstrap,
            **{
                "group.id": "unused",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 10,
            },
        )
    )
    consumer.assign(places)
    return consumer


def committed_end(admin: AdminClient, place: TopicPartition) -> int:
    """The last stable offset: what read_committed can reach now. Raises LogUnavailable."""
    return committed_ends(admin, [place])[place.topic, place.partition]


def committed_ends(admin: AdminClient, places: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
    """The last stable offset of each topic and partition, in one request. Raises LogUnavailable."""
    return _ends(admin, places, IsolationLevel.READ_COMMITTED)


def high_watermarks(admin: AdminClient, places: Iterable[TopicPartition]) -> dict[tuple[str, int], int]:
    """The same with what stands in open transactions. Raises LogUnavailable."""
    return _ends(admin, places, IsolationLevel.READ_UNCOMMITTED)


def _ends(admin: AdminClient, places: Iterable[TopicPartition], isolation: IsolationLevel) -> dict[tuple[str, int], int]:
    """What the partitions' leaders tell. A leader that is cut off from the other brokers, but not from us, tells an end that is
    long past: what hangs on there being no more must not rest on it alone.
    """
    ask = {place: OffsetSpec.latest() for place in places}
    deadline = time.monotonic() + REQUEST_LIMIT_S
    while True:
        asked = admin.list_offsets(ask, isolation_level=isolation, request_timeout=SILENCE_S)
        silent = time.monotonic() + SILENCE_S
        found: dict[tuple[str, int], int] = {}
        for place, answer in asked.items():
            try:
                # The request's own limit does not hold where the broker stalls.
                end = int(answer.result(max(0.0, silent - time.monotonic())).offset)
                if end < 0:  # what librdkafka gives, without an error, where it has had no answer in time
                    raise TimeoutError
                found[place.topic, place.partition] = end
            except TimeoutError as error:
                if time.monotonic() > deadline:
                    what = f"{place.topic}/{place.partition} gave no answer within {REQUEST_LIMIT_S:.0f} s"
                    raise LogUnavailable(what) from error
                _look_again(admin, place.topic)
                break
            except KafkaException as error:
                if error.args[0].code() not in _LEADER_MOVES or time.monotonic() > deadline:
                    raise LogUnavailable(f"{place.topic}/{place.partition}: {error.args[0].str()}") from error
                _look_again(admin, place.topic)
                break
        else:
            return found


def _look_again(admin: AdminClient, topic: str) -> None:
    """Ask who leads ``topic``; the client would go on with what it knew for minutes. Raises LogUnavailable."""
    time.sleep(0.05)
    try:
        admin.list_topics(topic, timeout=REQUEST_LIMIT_S)
    except KafkaException as error:
        raise LogUnavailable(f"{topic}: {error.args[0].str()}") from error


def uncommitted(bootstrap: Bootstrap, place: TopicPartition, end: int) -> list[Message]:
    """The records from ``place`` up to the one at ``end``, which is there, committed or not. Raises LogUnavailable."""
    consumer = assigned_consumer(bootstrap, [place], "read_uncommitted")
    deadline, found, at = time.monotonic() + REQUEST_LIMIT_S, list[Message](), place.offset
    try:
        while at < end and time.monotonic() < deadline:
            for message in consumer.consume(1000, 0.1):
                error, offset = message.error(), message.offset()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise LogUnavailable(f"{place.topic}/{place.partition}: {error.str()}")
                assert offset is not None
                at = max(at, offset)
                if error is None and offset < end:
                    found.append(message)
    finally:
        consumer.close()
    if at < end:
        raise LogUnavailable(f"{place.topic}/{place.partition} gave no answer within {REQUEST_LIMIT_S:.0f} s")
    return found


def record_at(bootstrap: Bootstrap, place: TopicPartition) -> Message | None:
    """The first record at or after ``place``, committed, or None where the log ends before. Raises LogUnavailable."""
    consumer = assigned_consumer(bootstrap, [place])
    deadline = time.monotonic() + REQUEST_LIMIT_S
    try:
        while time.monotonic() < deadline:
            message = consumer.poll(0.1)
            if message is None:
                continue
            error = message.error()
            if error is None:
                return message
            if error.code() == error._PARTITION_EOF:
                return None
            raise LogUnavailable(f"{place.topic}/{place.partition}: {error.str()}")
    finally:
        consumer.close()
    raise LogUnavailable(f"{place.topic}/{place.partition} gave no answer within {REQUEST_LIMIT_S:.0f} s")
