"""The infrastructure factory that both persistence modules share.

Environment of an application: ``SUBLEDGER_EVENTLOG_PARTITION`` (default ``0``) is the partition that is its sequence,
``ORIGINATOR_ID_TYPE`` is ``uuid`` (default) or ``text``. All applications of a process on one log share its writer.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from threading import Lock
from typing import NoReturn

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType

from infra.eventlog.blocking import BlockingWriter
from infra.eventlog.log import Log
from infra.eventlog.recorder import LogRecorder, Originators, SnapshotRecorder


class SharedWriters:
    """One writer a log and process, closed when the last that uses it has closed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[str, tuple[Log, BlockingWriter, int]] = {}

    def acquire(self, factory: LogFactory) -> BlockingWriter:
        with self._lock:
            if factory.log_name in self._open:
                event_log, writer, users = self._open[factory.log_name]
            else:
                event_log = factory.open_log()
                writer, users = BlockingWriter(event_log, factory.index_folder), 0
            self._open[factory.log_name] = (event_log, writer, users + 1)
            return writer

    def release(self, factory: LogFactory) -> None:
        with self._lock:
            event_log, writer, users = self._open[factory.log_name]
            if users > 1:
                self._open[factory.log_name] = (event_log, writer, users - 1)
                return
            del self._open[factory.log_name]
            writer.close()
            event_log.close()


_writers = SharedWriters()


class LogFactory(InfrastructureFactory[TrackingRecorder]):
    """A subclass opens the log: its module can be an application's PERSISTENCE_MODULE."""

    log_name: str  # the same for every factory on the same log
    index_folder: Path

    @abstractmethod
    def open_log(self) -> Log: ...

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self.configure()
        self._partition = self.env.get("SUBLEDGER_EVENTLOG_PARTITION") or "0"
        kind = (self.env.get("ORIGINATOR_ID_TYPE") or "uuid").lower()
        if kind not in ("uuid", "text"):
            raise InfrastructureFactoryError(f"ORIGINATOR_ID_TYPE is {kind!r}, must be 'uuid' or 'text'")
        self._originators = Originators(text=kind == "text")
        self._snapshots: list[SnapshotRecorder] = []
        self._writer: BlockingWriter | None = _writers.acquire(self)

    @abstractmethod
    def configure(self) -> None:
        """Set ``log_name`` and ``index_folder`` from ``env``; raise InfrastructureFactoryError where something is missing."""

    def required(self, name: str) -> str:
        value = self.env.get(name)
        if not value:
            raise InfrastructureFactoryError(f"{name} is not set")
        return value

    def application_recorder(self) -> ApplicationRecorder:
        return LogRecorder(self._served(), self._partition, self._originators)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        if purpose != "snapshots":
            raise InfrastructureFactoryError(f"a log keeps events of applications, and snapshots, not {purpose!r}")
        recorder = SnapshotRecorder(self._served().index_path(self._partition), self._originators)
        self._snapshots.append(recorder)
        return recorder

    def _served(self) -> BlockingWriter:
        """The writer, once it serves our partition."""
        if self._writer is None:
            raise InfrastructureFactoryError("the factory is closed")
        self._writer.query(self._partition, lambda index: index.state())
        return self._writer

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> TrackingRecorder:
        self._no_tracking(tracking_recorder_class)

    def process_recorder(self) -> ProcessRecorder:
        self._no_tracking(None)

    def _no_tracking(self, asked: type[TrackingRecorder] | None) -> NoReturn:
        what = asked.__name__ if asked else "tracking"
        raise InfrastructureFactoryError(f"a log keeps no {what}: whoever follows it keeps its position with its own rows")

    def close(self) -> None:
        for recorder in self._snapshots:
            recorder.close()
        self._snapshots.clear()
        if self._writer is not None:
            self._writer = None
            _writers.release(self)
