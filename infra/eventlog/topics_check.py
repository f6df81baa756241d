"""What on a cluster could lose the log, or make a takeover slow: looked up (``observe``) and judged (``judge``, pure).

An error is refused at every start. Fewer copies than wanted are an error in ``live`` alone: a sandbox may run on one broker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource

from infra.eventlog.kafka_client import REQUEST_LIMIT_S, Bootstrap, client
from infra.eventlog.log import LogUnavailable, LogUnusable
from infra.eventlog.topics import COMPACTED, KEPT, MIN_INSYNC, REPLICATION, Names, recorded_partitions

LIVE = "live"
SESSION_WANTED_MS = 6_000
HEARTBEAT_WANTED_MS = 500
INTERNAL = ("__transaction_state", "__consumer_offsets")

Level = Literal["error", "warning"]
Settings = Mapping[str, str]

# Before their first use the internal topics do not exist yet: then these broker settings say how they will be made.
_REPLICATION_OF = {
    "__transaction_state": "transaction.state.log.replication.factor",
    "__consumer_offsets": "offsets.topic.replication.factor",
}
_MIN_INSYNC_OF = {"__transaction_state": "transaction.state.log.min.isr", "__consumer_offsets": "min.insync.replicas"}
_NO_SUCH_PROTOCOL = frozenset({KafkaError.UNSUPPORTED_VERSION, KafkaError._UNSUPPORTED_FEATURE})
_GROUPS = {
    "group.consumer.session.timeout.ms": (SESSION_WANTED_MS, "it delays a takeover"),
    "group.consumer.min.session.timeout.ms": (SESSION_WANTED_MS, "it delays a takeover"),
    "group.consumer.heartbeat.interval.ms": (HEARTBEAT_WANTED_MS, "it delays every hand-over, twice where a node comes back"),
    "group.consumer.min.heartbeat.interval.ms": (HEARTBEAT_WANTED_MS, "it delays every hand-over"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting that is not as it should be; ``topic`` is ``broker <id>`` for a broker's own."""

    level: Level
    topic: str
    setting: str
    found: str
    wanted: str

    def __str__(self) -> str:
        # No colon behind a topic's name: what follows `…keys:` would be hidden in the logs.
        return f"{self.level}: {self.setting} of {self.topic} is {self.found}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is: number of partitions, the fewest replicas that any has, and its effective settings."""

    partitions: int
    replicas: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Observed:
    """A cluster as far as the check looks; ``refusal`` is the broker's answer to a member of the new protocol, if it refused."""

    topics: Mapping[str, Topic]
    brokers: Mapping[str, Settings]
    recorded: int | None
    refusal: str


class UnsafeTopics(LogUnusable):
    """The log must not be written: ``findings`` holds the errors."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(map(str, findings)))

    def __reduce__(self) -> tuple[type[UnsafeTopics], tuple[list[Finding]]]:
        """It is told by one process to another, which would make it anew from its message."""
        return UnsafeTopics, (self.findings,)


def refuse_unsafe(bootstrap: Bootstrap, environment: str) -> list[Finding]:
    """The warnings. Raises UnsafeTopics for errors, LogUnavailable where the cluster cannot be asked."""
    findings = check(bootstrap, environment, live=environment == LIVE)
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        raise UnsafeTopics(errors)
    return findings


def check(bootstrap: Bootstrap, environment: str, live: bool) -> list[Finding]:
    """All findings, errors first. Raises LogUnavailable."""
    names = Names(environment)
    return sorted(judge(observe(bootstrap, names), names, live), key=lambda finding: finding.level)


def observe(bootstrap: Bootstrap, names: Names) -> Observed:
    """Look the cluster up. Raises LogUnavailable."""
    admin = AdminClient(client(bootstrap))
    try:
        there = admin.list_topics(timeout=REQUEST_LIMIT_S)
        wanted = [name for name in (names.events, names.catalog, names.keys, *INTERNAL) if name in there.topics]
        topics = _topics(admin, wanted)
        brokers = {str(broker): settings_of(admin, ConfigResource.Type.BROKER, str(broker)) for broker in there.brokers}
    except KafkaException as error:
        raise LogUnavailable(f"the cluster cannot be checked: {error.args[0].str()}") from error
    recorded = recorded_partitions(bootstrap, names.environment) if names.keys in topics else None
    refusal = _refusal(bootstrap, names) if names.keys in topics else ""
    return Observed(topics, brokers, recorded, refusal)


def judge(observed: Observed, names: Names, live: bool) -> Iterator[Finding]:
    """Everything that is not as it should be. Pure."""
    for name, wanted in ((names.events, KEPT), (names.catalog, KEPT), (names.keys, COMPACTED)):
        topic = observed.topics.get(name)
        if topic is None:
            yield Finding("error", name, "topic", "missing", "created")
            continue
        yield from _differences(name, topic.settings, wanted)
        yield from _durability(name, topic.replicas, topic.settings["min.insync.replicas"], live)
    yield from _counts(observed, names)
    for name in INTERNAL:
        yield from _internal(name, observed, live)
    for broker, settings in observed.brokers.items():
        yield from _groups(broker, settings)
    if observed.refusal:
        yield Finding("error", names.owners, "group.protocol=consumer", observed.refusal, "available (brokers from 4.0 on)")


def _differences(name: str, found: Settings, wanted: Settings) -> Iterator[Finding]:
    for setting, value in wanted.items():
        if found.get(setting) != value:
            yield Finding("error", name, setting, found.get(setting, "unknown"), value)


def _durability(name: str, replicas: int, min_insync: str, live: bool) -> Iterator[Finding]:
    level: Level = "error" if live else "warning"
    if replicas < REPLICATION:
        yield Finding(level, name, "replication.factor", str(replicas), f"at least {REPLICATION}")
    if int(min_insync) < MIN_INSYNC:
        yield Finding(level, name, "min.insync.replicas", min_insync, f"at least {MIN_INSYNC}")


def _counts(observed: Observed, names: Names) -> Iterator[Finding]:
    events = observed.topics.get(names.events)
    if events is not None and events.partitions != observed.recorded:
        recorded = "the number recorded at creation" if observed.recorded is None else str(observed.recorded)
        found = f"{events.partitions} and no number recorded" if observed.recorded is None else str(events.partitions)
        yield Finding("error", names.events, "partitions", found, recorded)
    for name in (names.catalog, names.keys):
        topic = observed.topics.get(name)
        if topic is not None and topic.partitions != 1:
            yield Finding("error", name, "partitions", str(topic.partitions), "1")


def _internal(name: str, observed: Observed, live: bool) -> Iterator[Finding]:
    """An acknowledgement rests on the transactions' and the groups' topics as much as on ours."""
    topic = observed.topics.get(name)
    if topic is not None:
        yield from _durability(name, topic.replicas, topic.settings["min.insync.replicas"], live)
        yield from _differences(name, topic.settings, {"cleanup.policy": "compact", "unclean.leader.election.enable": "false"})
        return
    for settings in observed.brokers.values():
        yield from _durability(name, int(settings[_REPLICATION_OF[name]]), settings[_MIN_INSYNC_OF[name]], live)
        yield from _differences(name, settings, {"unclean.leader.election.enable": "false"})


def _groups(broker: str, settings: Settings) -> Iterator[Finding]:
    for setting, (wanted_ms, otherwise) in _GROUPS.items():
        found = settings.get(setting)
        if found is not None and int(found) > wanted_ms:
            yield Finding("warning", f"broker {broker}", setting, found, f"at most {wanted_ms}: {otherwise}")


def _topics(admin: AdminClient, wanted: list[str]) -> dict[str, Topic]:
    if not wanted:
        return {}
    described = admin.describe_topics(TopicCollection(wanted), request_timeout=REQUEST_LIMIT_S)
    topics = {}
    for name, future in described.items():
        partitions = future.result().partitions
        settings = settings_of(admin, ConfigResource.Type.TOPIC, name)
        topics[name] = Topic(len(partitions), min(len(partition.replicas) for partition in partitions), settings)
    return topics


def settings_of(admin: AdminClient, kind: Any, name: str) -> Settings:
    """The effective settings of a topic or a broker. Raises KafkaException."""
    answer = admin.describe_configs([ConfigResource(kind, name)], request_timeout=REQUEST_LIMIT_S)
    entries = next(iter(answer.values())).result()
    return {entry.name: entry.value for entry in entries.values() if entry.value is not None}


def _refusal(bootstrap: Bootstrap, names: Names) -> str:
    """Join a group of its own with the protocol that ownership needs; the broker's refusal, or "" if it let us in."""
    group = f"{names.environment}.ledger.check.{uuid4().hex[:8]}"
    answers: list[str] = []
    consumer = Consumer(client(bootstrap, **{"group.id": group, "group.protocol": "consumer", "enable.auto.commit": False}))
    consumer.subscribe([names.keys], on_assign=lambda *_: answers.append(""))
    deadline = time.monotonic() + REQUEST_LIMIT_S
    while not answers and time.monotonic() < deadline:
        message = consumer.poll(0.05)
        error = message.error() if message is not None else None
        if error is not None and (error.fatal() or error.code() in _NO_SUCH_PROTOCOL):
            answers.append(error.str())
    consumer.close()
    if not answers:
        raise LogUnavailable(f"the group coordinator gave no answer within {REQUEST_LIMIT_S:.0f} s")
    return answers[0]
