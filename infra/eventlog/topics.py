"""The topics of one environment on Kafka: their names, and how they are created.

<environment>.ledger.events     N partitions, fixed for life; key tenant/customer
<environment>.ledger.catalog    1 partition, key tenant
<environment>.ledger.keys       1 partition, compacted: wrapped data keys by tenant/customer; its first record is N
<environment>.ledger.owners     the consumer group whose members own the partitions
<environment>.ledger.projectors the same for those who project them
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.eventlog.kafka_client import Bootstrap, addresses, client, committed_end, record_at
from infra.eventlog.log import LogUnavailable
from infra.eventlog.record import CATALOG

PARTITIONS = 12
REPLICATION = 3
MIN_INSYNC = 2

# Data keys are named tenant/customer, so that a name without a slash is never one.
COUNT_KEY = b"partitions"

KEPT = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
}
COMPACTED = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "unclean.leader.election.enable": "false"}


@dataclass(frozen=True, slots=True)
class Names:
    """What an environment's topics and its group of owners are called."""

    environment: str

    @property
    def events(self) -> str:
        return f"{self.environment}.ledger.events"

    @property
    def catalog(self) -> str:
        return f"{self.environment}.ledger.catalog"

    @property
    def keys(self) -> str:
        return f"{self.environment}.ledger.keys"

    @property
    def owners(self) -> str:
        return f"{self.environment}.ledger.owners"

    @property
    def projectors(self) -> str:
        return f"{self.environment}.ledger.projectors"

    def transactional_id(self, node: str, lane: int, since_ms: int = 0) -> str:
        """The same after a restart of ``node``, so that a new process settles what the old one left open. ``since_ms`` (a time)
        makes another one, where a transaction under the first cannot end.
        """
        first = f"{self.environment}.ledger.{node}.{lane}"
        return f"{first}.{since_ms}" if since_ms else first

    def place(self, partition: str, offset: int = OFFSET_INVALID) -> TopicPartition:
        """Where a partition of the ledger (``"0"``, ``"catalog"``) stands."""
        topic, number = (self.catalog, 0) if partition == CATALOG else (self.events, int(partition))
        return TopicPartition(topic, number, offset)

    def partition(self, place: TopicPartition) -> str:
        return CATALOG if place.topic == self.catalog else str(place.partition)


def create(
    bootstrap: Bootstrap,
    environment: str,
    partitions: int = PARTITIONS,
    replication: int = REPLICATION,
    min_insync: int = MIN_INSYNC,
) -> None:
    """Create what is missing of the three topics and record ``partitions``; what exists stays as it is (``check`` judges it).

    Raises LogUnavailable.
    """
    names, admin = Names(environment), AdminClient(client(bootstrap))
    durability = {"min.insync.replicas": str(min_insync)}
    topics = [
        NewTopic(names.events, partitions, replication, config=KEPT | durability),
        NewTopic(names.catalog, 1, replication, config=KEPT | durability),
        NewTopic(names.keys, 1, replication, config=COMPACTED | durability),
    ]
    try:
        for topic, created in admin.create_topics(topics, operation_timeout=30).items():
            _await_created(topic, created, addresses(bootstrap))
        _record_count(bootstrap, admin, names, partitions)
    except KafkaException as error:
        raise LogUnavailable(f"the topics of {environment} could not be created: {error.args[0]}") from error


def recorded_partitions(bootstrap: Bootstrap, environment: str) -> int | None:
    """N as it was recorded at creation, or None. Raises LogUnavailable."""
    message = record_at(bootstrap, TopicPartition(Names(environment).keys, 0, 0))
    if message is None or message.key() != COUNT_KEY:
        return None
    value = message.value()
    return int(value) if value is not None else None


def _await_created(topic: str, created: Future[Any], where: str) -> None:
    try:
        created.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise LogUnavailable(f"{topic} could not be created at {where}: {error.args[0].str()}") from error


def _record_count(bootstrap: Bootstrap, admin: AdminClient, names: Names, partitions: int) -> None:
    """The first record of the keys topic says N; compaction keeps it, and a later one never counts."""
    place = TopicPartition(names.keys, 0)
    if committed_end(admin, place) > 0:
        return
    failed: list[KafkaError] = []
    producer = Producer(client(bootstrap, **{"enable.idempotence": True}))
    producer.produce(
        names.keys, str(partitions).encode(), COUNT_KEY, 0, on_delivery=lambda error, _: failed.append(error) if error else None
    )
    producer.flush()
    if failed:
        raise LogUnavailable(f"{names.keys} could not be written: {failed[0].str()}")
