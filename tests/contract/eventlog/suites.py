"""The library's contract of a persistence module, for every log: subclass with ``Backend`` in front, and give its environment."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from unittest.mock import patch
from uuid import UUID, uuid4

from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, InfrastructureFactory
from eventsourcing.tests import application, persistence


class Backend(ABC):
    """A fresh, empty log with one partition for each test.

    ``environment`` gives PERSISTENCE_MODULE and what that module needs; ``factory_topic`` names its factory.
    """

    factory_topic: str

    @abstractmethod
    def environment(self) -> Mapping[str, str]: ...


class _Recorders(Backend):
    """Makes recorders on the test's log."""

    def new_factory(self, **extra: str) -> InfrastructureFactory:
        factory = InfrastructureFactory.construct({**self.environment(), **extra})
        self.addCleanup(factory.close)  # type: ignore[attr-defined]
        return factory


class ApplicationRecorderSuite(_Recorders, persistence.ApplicationRecorderTestCase[ApplicationRecorder]):
    """Ids are UUIDs."""

    def create_recorder(self) -> ApplicationRecorder:
        return self.new_factory().application_recorder()

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TextApplicationRecorderSuite(_Recorders, persistence.ApplicationRecorderTestCase[ApplicationRecorder]):
    """Ids are text."""

    def new_originator_id(self) -> UUID | str:
        return f"sub_{uuid4().hex}"

    def create_recorder(self) -> ApplicationRecorder:
        return self.new_factory(ORIGINATOR_ID_TYPE="text").application_recorder()


class SnapshotRecorderSuite(_Recorders, persistence.AggregateRecorderTestCase):
    def create_recorder(self) -> AggregateRecorder:
        return self.new_factory().aggregate_recorder("snapshots")


class NonInterleavingSuite(_Recorders, persistence.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> ApplicationRecorder:
        return self.new_factory().application_recorder()


class _Environment(Backend):
    """Applications find the test's log in the process's environment."""

    def setUp(self) -> None:
        patched = patch.dict(os.environ, self.environment())
        patched.start()
        self.addCleanup(patched.stop)  # type: ignore[attr-defined]


class ExampleApplicationSuite(_Environment, application.ExampleApplicationTestCase):
    def test_example_application(self) -> None:
        self.expected_factory_topic = self.factory_topic
        super().test_example_application()


class ApplicationSuite(_Environment, application.ApplicationTestCase):
    pass
