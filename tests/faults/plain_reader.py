"""Is all that clients were told in the log, once? Read without the ledger's own readers.

The records come by SQLite's and Kafka's own clients; what counts is judged by the 15 lines of docs/analysts.md.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from infra.settings import Settings
from tests.docs.pages import function
from tests.faults.acknowledged import Receipts

Headers = dict[str, str]
Records = Iterable[tuple[Headers, bytes]]

counted = function("analysts.md", "counted.py", "counted")


def partitions(settings: Settings) -> Iterator[tuple[str, Records]]:
    """Each partition of a ledger's log with its records, one after the other."""
    if settings.kafka_bootstrap is None:
        return _in_sqlite(settings.state / "log.sqlite")
    return _in_kafka(settings.kafka_bootstrap, settings.environment)


def _in_sqlite(path: Path) -> Iterator[tuple[str, Records]]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT partition, attributes, previous_hash, hash, value FROM records ORDER BY partition, offset"
        )
        for partition, records in groupby(rows, key=lambda row: str(row[0])):
            yield partition, (_row(*row) for row in records)


def _row(_: str, attributes: str, previous_hash: str, hash_: str, value: bytes) -> tuple[Headers, bytes]:
    found = {f"ce_{name}": text for name, text in json.loads(attributes).items()}
    return found | {"ce_previoushash": previous_hash, "ce_hash": hash_}, value


def _in_kafka(bootstrap: str, environment: str) -> Iterator[tuple[str, Records]]:
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "plain-reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    with closing(Consumer(settings)) as consumer:
        for topic in (f"{environment}.ledger.catalog", f"{environment}.ledger.events"):
            for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
                consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
                yield "catalog" if topic.endswith("catalog") else str(partition), _to_the_end(consumer)


def _to_the_end(consumer: Consumer) -> Records:
    while True:
        message = consumer.poll(30)
        assert message is not None, "the broker does not answer"
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            return
        headers = message.headers()
        assert isinstance(headers, list)
        yield {name: text.decode() for name, text in headers if isinstance(text, bytes)}, message.value() or b""


@dataclass(slots=True)
class Found:
    """What counts in a log: the last sequence of each partition, the number of commands and of claims."""

    heads: dict[str, int] = field(default_factory=dict)
    commands: int = 0
    claims: int = 0


def find(partitions: Iterable[tuple[str, Records]], receipts: Receipts) -> Found:
    """Look every receipt up. Raises AssertionError: a command that was acknowledged is missing or other than was said, one key
    was answered by two commands, two keys by one, a command counts twice.
    """
    found = Found()
    wanted: dict[str, str] = {}
    for key, told in receipts.items():
        assert len(told) == 1, f"{key} was answered by different commands: {told}"
        (receipt,) = told
        assert wanted.setdefault(receipt.position, key) == key, f"{key} and {wanted[receipt.position]} have one receipt"
    missing = dict(wanted)
    for partition, records in partitions:
        seen: set[tuple[str, str]] = set()
        for command in _commands(records, found):
            last = command[-1]
            identity = (last["ce_partitionkey"], last["ce_commandid"])
            assert identity not in seen, f"{identity} counts twice"
            seen.add(identity)
            found.heads[partition] = int(last["ce_sequence"])
            position = f"{partition}@{last['ce_sequence']}"
            if position in missing:
                key = missing.pop(position)
                (receipt,) = receipts[key]
                ids = {headers["ce_id"] for headers in command}
                assert last["ce_hash"] == receipt.event_hash, f"{key}: another event stands at {receipt.position}"
                assert f"{receipt.stream}/{receipt.version}" in ids, f"{key}: {receipt} is of another command"
        found.commands += len(seen)
    assert not missing, f"{len(missing)} acknowledged commands are not in the log: {list(missing.items())[:3]}"
    return found


def _commands(records: Records, found: Found) -> Iterator[list[Headers]]:
    """The events that count, by command."""
    command: list[Headers] = []
    for headers, _ in counted(_counting_claims(records, found)):
        command.append(headers)
        if headers["ce_commandindex"] == headers["ce_commandcount"]:
            yield command
            command = []


def _counting_claims(records: Records, found: Found) -> Records:
    for headers, value in records:
        found.claims += headers["ce_type"] == "ledger.partition_claimed.v1"
        yield headers, value
