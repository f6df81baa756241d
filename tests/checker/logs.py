"""The records of a log, by Kafka's and SQLite's own clients."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.checker.history import Record

SILENCE_S = 30.0


def from_kafka(bootstrap: str, environment: str, options: Mapping[str, Any] | None = None) -> dict[str, Sequence[Record]]:
    """Every partition's committed records up to its end as it is now. Raises KafkaException, TimeoutError."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "checker",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 20,  # as long as a broker waits at the end of each partition
        **(options or {}),
    }
    found: dict[str, Sequence[Record]] = {}
    with closing(Consumer(settings)) as consumer:
        for topic in (f"{environment}.ledger.catalog", f"{environment}.ledger.events"):
            for number in consumer.list_topics(topic, timeout=SILENCE_S).topics[topic].partitions:
                name = "catalog" if topic.endswith("catalog") else str(number)
                consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING)])
                found[name] = [_of_message(name, message) for message in _to_the_end(consumer)]
    return found


def _to_the_end(consumer: Consumer) -> Iterator[Message]:
    while True:
        message = consumer.poll(SILENCE_S)
        if message is None:
            raise TimeoutError(f"the broker has said nothing for {SILENCE_S:.0f} s")
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:
            return
        else:
            raise KafkaException(error)


def _of_message(partition: str, message: Message) -> Record:
    offset, headers = message.offset(), message.headers() or []
    assert offset is not None
    assert isinstance(headers, list)
    texts = {name: data.decode(errors="replace") for name, data in headers if isinstance(data, bytes)}
    return Record(partition, offset, (message.key() or b"").decode(errors="replace"), texts, message.value() or b"")


def from_sqlite(path: Path) -> dict[str, Sequence[Record]]:
    """The same of the embedded log's file. Raises sqlite3.Error."""
    found: dict[str, list[Record]] = {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT partition, offset, key, attributes, value, previous_hash, hash FROM records ORDER BY partition, offset"
        )
        for partition, offset, key, attributes, value, previous_hash, hash_ in rows:
            headers = {f"ce_{name}": text for name, text in json.loads(attributes).items()} | {"ce_hash": hash_}
            if previous_hash:
                headers["ce_previoushash"] = previous_hash
            found.setdefault(partition, []).append(Record(partition, offset, key, headers, value))
    return dict(found)
