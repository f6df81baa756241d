"""Topics as they are created, and every unsafe change of them found."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions

from infra.eventlog import topics
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import LogUnavailable
from infra.eventlog.topics import Names
from infra.eventlog.topics_check import INTERNAL, UnsafeTopics, check
from tests.integration.kafka.support import delete_topics


def alter(admin: AdminClient, topic: str, settings: dict[str, str]) -> None:
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    for name, value in settings.items():
        resource.add_incremental_config(ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))
    admin.incremental_alter_configs([resource])[resource].result()


def test_topics_as_created_lack_nothing_but_copies(kafka_bootstrap: str, environment: str) -> None:
    names = Names(environment)
    for live, level in ((False, "warning"), (True, "error")):
        found = {(each.level, each.topic, each.setting) for each in check(kafka_bootstrap, environment, live)}
        ours = {each for each in found if not each[1].startswith("broker") and each[1] not in INTERNAL}
        assert ours == {
            (level, topic, setting)
            for topic in (names.events, names.catalog, names.keys)
            for setting in ("replication.factor", "min.insync.replicas")
        }


def test_the_number_of_partitions_is_recorded_once(kafka_bootstrap: str, environment: str) -> None:
    # given topics of 3 partitions; when they are created again with another number, then nothing changes
    topics.create(kafka_bootstrap, environment, partitions=5, replication=1, min_insync=1)
    assert topics.recorded_partitions(kafka_bootstrap, environment) == 3
    assert KafkaLog(kafka_bootstrap, environment).partitions == ("catalog", "0", "1", "2")


def test_every_unsafe_setting_is_found_and_refused_at_the_start(kafka_bootstrap: str, environment: str) -> None:
    # given topics that were changed by hand
    names, admin = Names(environment), AdminClient({"bootstrap.servers": kafka_bootstrap})
    unsafe = {"retention.ms": "604800000", "retention.bytes": "1000000", "unclean.leader.election.enable": "true"}
    alter(admin, names.events, unsafe | {"message.timestamp.type": "CreateTime"})
    alter(admin, names.catalog, {"cleanup.policy": "compact"})
    alter(admin, names.keys, {"cleanup.policy": "compact,delete"})
    admin.create_partitions([NewPartitions(names.events, 4)])[names.events].result()
    # when they are checked, then each is an error, with what was found and what is wanted
    errors = [each for each in check(kafka_bootstrap, environment, live=False) if each.level == "error"]
    assert {(each.topic, each.setting, each.found, each.wanted) for each in errors} == {
        (names.events, "retention.ms", "604800000", "-1"),
        (names.events, "retention.bytes", "1000000", "-1"),
        (names.events, "unclean.leader.election.enable", "true", "false"),
        (names.events, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (names.events, "partitions", "4", "3"),
        (names.catalog, "cleanup.policy", "compact", "delete"),
        (names.keys, "cleanup.policy", "compact,delete", "compact"),
    }
    # and no owner starts on them
    with pytest.raises(UnsafeTopics) as refused:
        KafkaLog(kafka_bootstrap, environment, "127.0.0.1:8000").owner()
    assert {each.setting for each in refused.value.findings} == {each.setting for each in errors}


def test_missing_topics_are_found(kafka_bootstrap: str, kafka_environment: str) -> None:
    names = Names(kafka_environment)
    errors = [each for each in check(kafka_bootstrap, kafka_environment, live=False) if each.level == "error"]
    assert [(each.topic, each.found) for each in errors] == [
        (names.events, "missing"),
        (names.catalog, "missing"),
        (names.keys, "missing"),
    ]
    with pytest.raises(LogUnavailable):
        KafkaLog(kafka_bootstrap, kafka_environment)


def test_a_topic_made_anew_is_another_log(kafka_bootstrap: str, environment: str) -> None:
    before = KafkaLog(kafka_bootstrap, environment)
    delete_topics(kafka_bootstrap, environment)
    topics.create(kafka_bootstrap, environment, partitions=3, replication=1, min_insync=1)
    after = KafkaLog(kafka_bootstrap, environment)
    for partition in before.partitions:
        assert before.identity(partition) != after.identity(partition)


def test_a_cluster_that_is_not_there_is_said_to_be_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.eventlog.kafka.REQUEST_LIMIT_S", 0.5)
    with pytest.raises(LogUnavailable):
        KafkaLog("127.0.0.1:1", "sandbox")
