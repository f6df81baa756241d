"""Reading the log on Kafka: committed records alone, by assignment; no group is joined and nothing is stored at the broker."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from infra.eventlog.kafka_client import REQUEST_LIMIT_S, Bootstrap, asking_client, assigned_consumer, high_watermarks
from infra.eventlog.kafka_message import record_of
from infra.eventlog.log import LogUnavailable, LogUnusable
from infra.eventlog.record import Record
from infra.eventlog.topics import COUNT_KEY, Names

_BATCH = 1000
# A command node's loop stands still meanwhile.
_KEY_LIMIT_S = 2.0

# Records were removed, or the position is of another log: to go on elsewhere would skip some.
_NOT_THERE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})


class KafkaReader:
    """Committed records of some partitions, each in its order."""

    def __init__(self, bootstrap: Bootstrap, names: Names, start: Mapping[str, int]) -> None:
        places = [names.place(partition, offset) for partition, offset in start.items()]
        self._partitions: dict[tuple[str | None, int | None], str] = {
            (place.topic, place.partition): names.partition(place) for place in places
        }
        self._positions = dict(start)
        self._consumer = assigned_consumer(bootstrap, places)

    def poll(self, timeout_s: float) -> Sequence[Record]:
        """The next records. Raises LogUnusable where the log does not have what should come next, LogUnavailable."""
        records = []
        for message in take(self._consumer, timeout_s):
            partition = self._partitions[message.topic(), message.partition()]
            offset = message.offset()
            assert offset is not None
            if message.error() is not None:  # the end of the partition, past its markers
                self._positions[partition] = offset
            else:
                records.append(record_of(message, partition))
                self._positions[partition] = offset + 1
        return records

    def position(self, partition: str) -> int:
        """Goes past markers too: the end-of-partition event tells where they stop."""
        return self._positions[partition]

    def close(self) -> None:
        self._consumer.close()


class KafkaKeys:
    """Wrapped data keys, held in memory and read on where one is missing.

    A key is asked for where something is sealed under it: one that is not there has not been read yet, whatever the broker tells
    to be the topic's end. The marker of its commit may be the last one written, and a leader that is cut off from the other
    brokers tells an end that is long past. Only a tombstone says that a key is gone.
    """

    def __init__(self, bootstrap: Bootstrap, names: Names) -> None:
        self._bootstrap = bootstrap
        self._place = TopicPartition(names.keys, 0, 0)
        self._consumer = assigned_consumer(bootstrap, [self._place])
        self._keys: dict[str, bytes | None] = {}
        self._position = 0

    def get(self, key: str) -> bytes | None:
        self._read(0)
        deadline = time.monotonic() + _KEY_LIMIT_S
        while key not in self._keys:
            if time.monotonic() > deadline:
                raise LogUnavailable(f"{self._place.topic} has been read up to {self._position}, but holds no data key of {key}")
            self._read(0.1)
        return self._keys[key]

    def items(self) -> Iterator[tuple[str, bytes]]:
        self._read_to_end()
        yield from ((key, wrapped) for key, wrapped in self._keys.items() if wrapped is not None)

    def close(self) -> None:
        self._consumer.close()

    def _read_to_end(self) -> None:
        """Read all that stands in the log now, waiting for what is being committed."""
        # By a client for this alone, since it cannot be closed: one that is left when the process ends may crash it.
        end = high_watermarks(asking_client(self._bootstrap), [self._place])[self._place.topic, self._place.partition]
        deadline = time.monotonic() + REQUEST_LIMIT_S
        while self._position < end:
            if time.monotonic() > deadline:
                raise LogUnavailable(f"{self._place.topic} stands at {end}, but reads no further than {self._position}")
            self._read(0.1)

    def _read(self, timeout_s: float) -> None:
        for message in take(self._consumer, timeout_s):
            offset = message.offset()
            assert offset is not None
            if message.error() is not None:
                self._position = offset
                continue
            self._position = offset + 1
            self._keep(message.key(), message.value())

    def _keep(self, key: bytes | None, wrapped: bytes | None) -> None:
        if key is None or key == COUNT_KEY:
            return
        self._keys[key.decode()] = wrapped


def take(consumer: Consumer, timeout_s: float) -> list[Message]:
    """What is there once anything is there: records and end-of-partition events. Raises LogUnusable, LogUnavailable."""
    first = consumer.poll(timeout_s)
    if first is None:
        return []
    # With a time limit, consume() would wait for the whole batch.
    messages = [first, *consumer.consume(_BATCH - 1, 0)]
    for message in messages:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            refusal = LogUnusable if error.code() in _NOT_THERE else LogUnavailable
            raise refusal(f"{message.topic()}/{message.partition()}@{message.offset()}: {error.str()}")
    return messages
