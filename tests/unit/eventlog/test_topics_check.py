"""The judgement of a cluster, for settings that a test cannot change on a broker that others use."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from infra.eventlog.topics import COMPACTED, KEPT, Names
from infra.eventlog.topics_check import Finding, Observed, Topic, UnsafeTopics, judge
from infra.redaction import clean_text

NAMES = Names("live")
SAFE = {"min.insync.replicas": "2"}
INTERNAL = Topic(50, 3, SAFE | {"cleanup.policy": "compact", "unclean.leader.election.enable": "false"})
BROKER = {
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.session.timeout.ms": "6000",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "offsets.topic.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
}
GOOD = Observed(
    topics={
        NAMES.events: Topic(12, 3, KEPT | SAFE),
        NAMES.catalog: Topic(1, 3, KEPT | SAFE),
        NAMES.keys: Topic(1, 3, COMPACTED | SAFE),
        "__transaction_state": INTERNAL,
        "__consumer_offsets": INTERNAL,
    },
    brokers={"1": BROKER},
    recorded=12,
    refusal="",
)


def found(observed: Observed, live: bool = True) -> list[Finding]:
    return list(judge(observed, NAMES, live))


def with_topic(name: str, topic: Topic) -> Observed:
    return replace(GOOD, topics={**GOOD.topics, name: topic})


def without_internal(**broker: str) -> Observed:
    ours = {name: topic for name, topic in GOOD.topics.items() if not name.startswith("__")}
    return replace(GOOD, topics=ours, brokers={"1": BROKER | {name.replace("_", "."): value for name, value in broker.items()}})


def test_a_safe_cluster_has_no_findings() -> None:
    assert found(GOOD) == []
    assert found(without_internal()) == []


@pytest.mark.parametrize("name", ["live.ledger.events", "live.ledger.catalog", "live.ledger.keys", "__transaction_state"])
def test_too_few_copies_are_an_error_in_live_and_a_warning_elsewhere(name: str) -> None:
    topic = GOOD.topics[name]
    weak = with_topic(name, Topic(topic.partitions, 1, {**topic.settings, "min.insync.replicas": "1"}))
    assert found(weak) == [
        Finding("error", name, "replication.factor", "1", "at least 3"),
        Finding("error", name, "min.insync.replicas", "1", "at least 2"),
    ]
    assert {finding.level for finding in found(weak, live=False)} == {"warning"}


def test_internal_topics_that_are_not_made_yet_are_judged_by_how_they_will_be_made() -> None:
    weak = without_internal(transaction_state_log_replication_factor="1", offsets_topic_replication_factor="2")
    assert [(finding.topic, finding.found) for finding in found(weak)] == [
        ("__transaction_state", "1"),
        ("__consumer_offsets", "2"),
    ]


def test_unclean_elections_of_the_internal_topics_are_an_error() -> None:
    settings = {**INTERNAL.settings, "unclean.leader.election.enable": "true"}
    (finding,) = found(with_topic("__consumer_offsets", replace(INTERNAL, settings=settings)), live=False)
    assert (finding.level, finding.setting) == ("error", "unclean.leader.election.enable")


@pytest.mark.parametrize("setting", ["group.consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms"])
def test_slow_heartbeats_are_a_warning(setting: str) -> None:
    slow = replace(GOOD, brokers={"1": BROKER | {setting: "5000"}})
    (finding,) = judge(slow, NAMES, live=True)
    assert (finding.level, finding.setting, finding.found) == ("warning", setting, "5000")


def test_a_slow_session_is_a_warning() -> None:
    slow = replace(GOOD, brokers={"1": BROKER, "2": BROKER | {"group.consumer.min.session.timeout.ms": "45000"}})
    (finding,) = found(slow)
    assert (finding.level, finding.topic, finding.found) == ("warning", "broker 2", "45000")


def test_a_broker_without_the_new_group_protocol_is_refused() -> None:
    (finding,) = found(replace(GOOD, refusal="The version of API is not supported"), live=False)
    assert (finding.level, finding.setting) == ("error", "group.protocol=consumer")


@pytest.mark.parametrize(("recorded", "wanted"), [(11, "11"), (None, "the number recorded at creation")])
def test_another_number_of_partitions_than_recorded_is_an_error(recorded: int | None, wanted: str) -> None:
    (finding,) = found(replace(GOOD, recorded=recorded), live=False)
    assert (finding.level, finding.setting, finding.wanted) == ("error", "partitions", wanted)


def test_a_refusal_is_the_same_in_another_process() -> None:
    refusal = UnsafeTopics([Finding("error", "t", "retention.ms", "1", "-1")])
    again = pickle.loads(pickle.dumps(refusal))
    assert (str(again), again.findings) == (str(refusal), refusal.findings)


@pytest.mark.parametrize("name", [NAMES.events, NAMES.catalog, NAMES.keys])
def test_a_finding_is_not_hidden_in_the_log(name: str) -> None:
    told = str(Finding("warning", name, "replication.factor", "1", "at least 3"))
    assert told == f"warning: replication.factor of {name} is 1, wanted at least 3"
    assert clean_text(told) == told
