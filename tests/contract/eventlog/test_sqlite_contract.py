"""The embedded log passes the library's contract of a persistence module."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.contract.eventlog import suites


class Sqlite(suites.Backend):
    factory_topic = "infra.eventlog.sqlite_module:SqliteFactory"

    def environment(self) -> Mapping[str, str]:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)  # type: ignore[attr-defined]
        return {
            "PERSISTENCE_MODULE": "infra.eventlog.sqlite_module",
            "SUBLEDGER_EVENTLOG_FILE": str(Path(folder.name) / "log.db"),
            "SUBLEDGER_EVENTLOG_PARTITIONS": "1",
        }


class TestApplicationRecorder(Sqlite, suites.ApplicationRecorderSuite):
    pass


class TestTextApplicationRecorder(Sqlite, suites.TextApplicationRecorderSuite):
    pass


class TestSnapshotRecorder(Sqlite, suites.SnapshotRecorderSuite):
    pass


class TestNonInterleavingNotificationIDs(Sqlite, suites.NonInterleavingSuite):
    pass


class TestExampleApplication(Sqlite, suites.ExampleApplicationSuite):
    pass


class TestApplication(Sqlite, suites.ApplicationSuite):
    pass
