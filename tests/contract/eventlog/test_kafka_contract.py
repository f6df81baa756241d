"""The log on Kafka passes the library's contract of a persistence module, on a real broker, with one partition."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from uuid import uuid4

import pytest

from infra.eventlog import topics
from tests.contract.eventlog import suites
from tests.integration.kafka.support import delete_topics


class Kafka(suites.Backend):
    factory_topic = "infra.eventlog.kafka_module:KafkaFactory"

    @pytest.fixture(autouse=True)
    def _broker(self, kafka_bootstrap: str) -> Iterator[None]:
        self._bootstrap = kafka_bootstrap
        self._created: list[str] = []
        yield
        for environment in self._created:
            delete_topics(kafka_bootstrap, environment)

    def environment(self) -> Mapping[str, str]:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)  # type: ignore[attr-defined]
        environment = f"t{uuid4().hex[:12]}"
        topics.create(self._bootstrap, environment, partitions=1, replication=1, min_insync=1)
        self._created.append(environment)
        return {
            "PERSISTENCE_MODULE": "infra.eventlog.kafka_module",
            "SUBLEDGER_EVENTLOG_KAFKA": self._bootstrap,
            "SUBLEDGER_EVENTLOG_ENVIRONMENT": environment,
            "SUBLEDGER_EVENTLOG_NODE": "127.0.0.1:8000",
            "SUBLEDGER_EVENTLOG_INDEXES": folder.name,
        }


class TestApplicationRecorder(Kafka, suites.ApplicationRecorderSuite):
    pass


class TestTextApplicationRecorder(Kafka, suites.TextApplicationRecorderSuite):
    pass


class TestSnapshotRecorder(Kafka, suites.SnapshotRecorderSuite):
    pass


class TestNonInterleavingNotificationIDs(Kafka, suites.NonInterleavingSuite):
    pass


class TestExampleApplication(Kafka, suites.ExampleApplicationSuite):
    pass


class TestApplication(Kafka, suites.ApplicationSuite):
    pass
