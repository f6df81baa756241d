"""The persistence module beyond its contract: what a blocking append says when the log has trouble, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventsourcing.persistence import (
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)

from infra.eventlog.blocking import BlockingWriter
from infra.eventlog.log import Aborted, LogUnusable, OutcomeUnknown
from infra.eventlog.recorder import LogRecorder, Originators
from infra.eventlog.sqlite import SqliteLog
from tests.integration.eventlog.faults import FaultyLog


@pytest.fixture
def log(tmp_path: Path) -> FaultyLog:
    return FaultyLog(tmp_path / "log.db", partitions=1)


@pytest.fixture
def recorder(log: FaultyLog, tmp_path: Path) -> Iterator[LogRecorder]:
    writer = BlockingWriter(log, tmp_path / "indexes")
    yield LogRecorder(writer, "0", Originators(text=True))
    writer.close()


def event(version: int, stream: str = "sub_1") -> StoredEvent:
    return StoredEvent(stream, version, "x.v1", b"{}")


def versions(recorder: LogRecorder) -> list[int]:
    return [each.originator_version for each in recorder.select_events("sub_1")]


def test_versions_follow_on_without_gaps(recorder: LogRecorder) -> None:
    with pytest.raises(IntegrityError, match="version 2 of sub_1 does not follow None"):
        recorder.insert_events([event(2)])
    recorder.insert_events([event(1)])
    with pytest.raises(IntegrityError, match="version 3 of sub_1 does not follow 1"):
        recorder.insert_events([event(3)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(2), event(4)])
    assert recorder.insert_events([event(2), event(3)]) == [2, 3]


def test_an_aborted_append_can_be_made_again(recorder: LogRecorder, log: FaultyLog) -> None:
    recorder.insert_events([event(1)])
    log.faulty.faults.append(Aborted("the disk is full"))

    with pytest.raises(OperationalError, match="disk is full"):
        recorder.insert_events([event(2)])
    assert recorder.insert_events([event(2)]) == [2]


def test_an_append_of_unknown_outcome_that_was_written_succeeds(recorder: LogRecorder, log: FaultyLog) -> None:
    recorder.insert_events([event(1)])
    log.faulty.late.append(OutcomeUnknown("timed out"))

    assert recorder.insert_events([event(2)]) == [2]
    assert versions(recorder) == [1, 2]


def test_an_append_of_unknown_outcome_that_was_not_written_says_so(recorder: LogRecorder, log: FaultyLog) -> None:
    recorder.insert_events([event(1)])
    log.faulty.faults.append(OutcomeUnknown("timed out"))

    with pytest.raises(OperationalError, match="not written"):
        recorder.insert_events([event(2)])
    assert versions(recorder) == [1]


def test_an_append_to_a_log_that_another_owns_says_so(recorder: LogRecorder, log: FaultyLog, tmp_path: Path) -> None:
    recorder.insert_events([event(1)])
    second = BlockingWriter(SqliteLog(log.path), tmp_path / "second")

    with pytest.raises(OperationalError, match="owned by another process") as caught:
        LogRecorder(second, "0", Originators(text=True)).insert_events([event(2)])
    assert isinstance(caught.value.__cause__, LogUnusable)
    second.close()


def test_nothing_is_recorded_beside_events(recorder: LogRecorder) -> None:
    assert recorder.insert_events([event(1)], tracking=None) == [1]
    with pytest.raises(ProgrammingError, match="tracking"):
        recorder.insert_events([event(2)], tracking=object())


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "infra.eventlog.sqlite_module",
        "SUBLEDGER_EVENTLOG_FILE": str(tmp_path / "log.db"),
        "SUBLEDGER_EVENTLOG_PARTITIONS": "2",
        "ORIGINATOR_ID_TYPE": "text",
    }


def test_applications_of_one_process_share_a_log_each_on_its_partition(tmp_path: Path) -> None:
    first = InfrastructureFactory.construct(environment(tmp_path))
    second = InfrastructureFactory.construct({**environment(tmp_path), "SUBLEDGER_EVENTLOG_PARTITION": "1"})
    assert first.application_recorder().insert_events([event(1)]) == [1]
    assert second.application_recorder().insert_events([event(1)]) == [1]

    first.close()
    assert second.application_recorder().max_notification_id() == 1
    second.close()
    with pytest.raises(InfrastructureFactoryError, match="closed"):
        second.application_recorder()

    again = InfrastructureFactory.construct(environment(tmp_path))
    assert again.application_recorder().max_notification_id() == 1
    again.close()


def test_what_the_module_does_not_offer_or_miss_is_said(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureFactoryError, match="SUBLEDGER_EVENTLOG_FILE is not set"):
        InfrastructureFactory.construct({**environment(tmp_path), "SUBLEDGER_EVENTLOG_FILE": ""})
    with pytest.raises(InfrastructureFactoryError, match="ORIGINATOR_ID_TYPE"):
        InfrastructureFactory.construct({**environment(tmp_path), "ORIGINATOR_ID_TYPE": "int"})
    factory = InfrastructureFactory.construct(environment(tmp_path))
    for ask in (factory.process_recorder, factory.tracking_recorder, lambda: factory.aggregate_recorder("events")):
        with pytest.raises(InfrastructureFactoryError, match="a log keeps"):
            ask()
    factory.close()
