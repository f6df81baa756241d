"""The log on Kafka (design: Kafka is the system of record)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import structlog
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.eventlog.kafka_client import (
    REQUEST_LIMIT_S,
    Bootstrap,
    addresses,
    asking_client,
    client,
    committed_ends,
    high_watermarks,
)
from infra.eventlog.kafka_membership import GroupShare, Membership
from infra.eventlog.kafka_owner import KafkaOwner
from infra.eventlog.kafka_reader import KafkaKeys, KafkaReader
from infra.eventlog.log import LogUnavailable
from infra.eventlog.record import CATALOG
from infra.eventlog.topics import Names
from infra.eventlog.topics_check import refuse_unsafe

Offsets = dict[tuple[str, int], int]

_log = structlog.stdlib.get_logger(__name__)


class KafkaLog:
    """One environment's topics on one cluster."""

    def __init__(
        self, bootstrap: Bootstrap, environment: str, node: str = "", clock: Callable[[], float] = time.time, *, address: str = ""
    ) -> None:
        """``node`` is this process's name, and no other's; only an owner needs it. ``address`` is where others reach it.

        Raises LogUnavailable where the cluster or the topics are not there.
        """
        self._bootstrap = bootstrap
        self._names = Names(environment)
        self._node = node
        self._address = address or node
        self._clock = clock
        self._admin = asking_client(bootstrap)
        self._group_admin = AdminClient(client(bootstrap))
        self._topics = self._describe()
        count = self._topics[self._names.events][1]
        self._partitions = (CATALOG, *(str(number) for number in range(count)))

    @property
    def environment(self) -> str:
        return self._names.environment

    @property
    def partitions(self) -> tuple[str, ...]:
        return self._partitions

    def identity(self, partition: str) -> str:
        place = self._names.place(partition)
        topic_id, count = self._topics[place.topic]
        return f"kafka:{self._cluster}/{topic_id}/{count}/{place.partition}"

    def reader(self, start: Mapping[str, int]) -> KafkaReader:
        return KafkaReader(self._bootstrap, self._names, start)

    def end(self, partition: str) -> int:
        """The last stable offset. Raises LogUnavailable."""
        return self.ends([partition])[partition]

    def ends(self, partitions: Iterable[str]) -> dict[str, int]:
        """The last stable offsets. Raises LogUnavailable."""
        return self._at(partitions, committed_ends)

    def high_ends(self, partitions: Iterable[str]) -> dict[str, int]:
        """The high watermarks. Raises LogUnavailable."""
        return self._at(partitions, high_watermarks)

    def _at(self, partitions: Iterable[str], ask: Callable[[AdminClient, list[TopicPartition]], Offsets]) -> dict[str, int]:
        places = {partition: self._names.place(partition) for partition in partitions}
        found = ask(self._admin, list(places.values()))
        return {partition: found[place.topic, place.partition] for partition, place in places.items()}

    def owner(self) -> KafkaOwner:
        """Raises UnsafeTopics where the topics could lose records, LogUnavailable where the broker is away."""
        assert self._node, "an owner has a name"
        if warnings := refuse_unsafe(self._bootstrap, self.environment):
            _log.warning("topics check", findings=[str(finding) for finding in warnings])
        return KafkaOwner(self._bootstrap, self._names, self._partitions, self._node, self._address, self._clock)

    def owners(self) -> dict[str, frozenset[str]]:
        """Raises LogUnavailable."""
        asked = self._group_admin.describe_consumer_groups([self._names.owners], request_timeout=REQUEST_LIMIT_S)
        try:
            members = asked[self._names.owners].result().members
        except KafkaException as error:
            # A client keeps to the coordinator that it once found, for a quarter of an hour, also where that is none any more.
            self._group_admin = AdminClient(client(self._bootstrap))
            raise LogUnavailable(f"{self._names.owners}: {error.args[0].str() or error.args[0].name()}") from error
        found: dict[str, frozenset[str]] = {}
        for member in members:  # a node that came back may stand there twice, until its former session is over
            places = member.assignment.topic_partitions if member.assignment is not None else ()
            own = frozenset(self._names.partition(place) for place in places)
            found[member.client_id] = found.get(member.client_id, frozenset()) | own
        return found

    def projectors_share(self) -> GroupShare:
        return GroupShare(Membership(self._bootstrap, self._names, self._names.projectors, "projector"))

    def keys(self) -> KafkaKeys:
        return KafkaKeys(self._bootstrap, self._names)

    def close(self) -> None:
        """Nothing is held open between calls: readers, keys and the owner have a ``close`` of their own."""

    def _describe(self) -> dict[str, tuple[str, int]]:
        """Topic id and number of partitions by topic."""
        wanted = [self._names.events, self._names.catalog, self._names.keys]
        try:
            self._cluster = self._admin.describe_cluster(request_timeout=REQUEST_LIMIT_S).result().cluster_id
            found = self._admin.describe_topics(TopicCollection(wanted), request_timeout=REQUEST_LIMIT_S)
            topics = {name: description.result() for name, description in found.items()}
        except KafkaException as error:
            where = f"{self.environment} at {addresses(self._bootstrap)}"
            raise LogUnavailable(f"the topics of {where}: {error.args[0].str()}") from error
        return {name: (str(topic.topic_id), len(topic.partitions)) for name, topic in topics.items()}
