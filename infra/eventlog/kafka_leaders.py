"""Which partitions can be written, by what the brokers know of their leaders and replicas."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, PartitionMetadata

from infra.eventlog.log import LogUnavailable
from infra.eventlog.topics import Names
from infra.eventlog.topics_check import settings_of

# A broker that hangs gives none; the next one that is asked may be another.
_ANSWER_LIMIT_S = 2.0


class Leaders:
    """Asks any broker, not the controller: a client keeps to the controller that it once found, also where that is gone."""

    def __init__(self, admin: AdminClient, names: Names) -> None:
        """Raises LogUnavailable."""
        self._names = names
        self._admin = admin
        try:
            self._wanted = {name: self._min_insync(name) for name in (names.events, names.catalog)}
        except KafkaException as error:
            raise LogUnavailable(f"the topics' settings cannot be read: {error.args[0].str()}") from error

    def unwritable(self, partitions: Iterable[str]) -> dict[str, str]:
        """See `log.Owner.unwritable`."""
        places = {partition: self._names.place(partition) for partition in partitions}
        found = {topic: self._look(topic) for topic in sorted({place.topic for place in places.values()})}
        reasons = {name: self._reason(found[place.topic].get(place.partition), place.topic) for name, place in places.items()}
        return {partition: reason for partition, reason in reasons.items() if reason}

    def _reason(self, found: PartitionMetadata | None, topic: str) -> str:
        """Why it cannot be written; empty where it can. Raises LogUnavailable."""
        if found is None:  # by a broker that has just started
            raise LogUnavailable(f"a partition of {topic} is not known")
        if found.leader < 0:
            return f"{topic}/{found.id} has no leader: the brokers {sorted(found.replicas)} are away"
        wanted = self._wanted[topic]
        if len(found.isrs) < wanted:
            in_sync = f"{len(found.isrs)} of its replicas {sorted(found.replicas)} in sync"
            return f"{topic}/{found.id} has {in_sync}, and takes no records with fewer than {wanted}"
        return ""

    def _look(self, topic: str) -> dict[int, PartitionMetadata]:
        try:
            found: dict[int, PartitionMetadata] = self._admin.list_topics(topic, timeout=_ANSWER_LIMIT_S).topics[topic].partitions
        except KafkaException as error:
            raise LogUnavailable(f"the leaders of {topic} are not known: {error.args[0].str()}") from error
        return found

    def _min_insync(self, topic: str) -> int:
        return int(settings_of(self._admin, ConfigResource.Type.TOPIC, topic)["min.insync.replicas"])
