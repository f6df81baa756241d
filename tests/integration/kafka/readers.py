"""Every reader of a log, asked what counts: they must agree, wherever one of them is started anew."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import psycopg
from prometheus_client import CollectorRegistry

from domain.registry import decode
from infra.eventlog.index import Index
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.reader import ReaderState
from infra.eventlog.takeover import catch_up
from infra.eventlog.verify import Report, verify
from infra.eventlog.walk import walk
from infra.metrics.projector import ProjectorCollector
from infra.postgres.counts import ProjectorCounts
from infra.postgres.digest import digest
from infra.postgres.projector import rebuild, run_projector
from tests.checker import logs
from tests.checker.counting import count
from tests.integration.eventlog.ledger import derive, rows
from tests.integration.kafka.support import until
from tests.read_models.story import FakeVault


class Projecting(Thread):
    """A projector that runs until all that is in the log now stands in the rows; ``error`` is what stopped it before."""

    def __init__(self, log: KafkaLog, dsn: str) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self.counts = ProjectorCounts()
        self._log = log
        self._dsn = dsn
        self._ended = Event()

    def run(self) -> None:
        try:
            run_projector(self._log, self._dsn, FakeVault(), self._ended, counts=self.counts)
        except Exception as error:  # the test asks what it was
            self.error = error

    def to_the_end(self) -> Projecting:
        ends = self._log.ends(self._log.partitions)
        self.start()
        until(lambda: self.error or all(self.counts.read.get(name, -1) >= end for name, end in ends.items()))
        self._ended.set()
        self.join()
        return self

    def metric(self, kind: str) -> float:
        """Records of a kind that did not count, as Prometheus is told."""
        registry = CollectorRegistry()
        registry.register(ProjectorCollector(self.counts))
        return registry.get_sample_value("subledger_projector_quarantined_records_total", {"kind": kind}) or 0.0


class Readers:
    """The readers of ``log``, and one partition that they are asked about. ``quarantined`` counts what the metric has said."""

    def __init__(self, log: KafkaLog, bootstrap: str, dsn: str, folder: Path, partition: str) -> None:
        self.quarantined = 0.0
        self._log = log
        self._bootstrap = bootstrap
        self._dsn = dsn
        self._folder = folder
        self._partition = partition

    def follow(self) -> ReaderState:
        """A projector and an index are started again where they stood, and come to the log's end: they stand at one state."""
        projecting = Projecting(self._log, self._dsn).to_the_end()
        assert projecting.error is None, projecting.error
        self.quarantined += projecting.metric("older-term") + projecting.metric("incomplete")
        state = self.index("followed")
        assert self.projected() == state
        return state

    def index(self, name: str) -> ReaderState:
        """The state of an index with a name, once it has caught up. Raises what keeps it from that."""
        with closing(Index(self._path(name), self._log.identity(self._partition))) as index, closing(index.queries):
            catch_up(self._log, {self._partition: index}, derive, lambda _: None)
            return index.state

    def projected(self) -> ReaderState:
        """The projector's state."""
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute("SELECT state FROM ledger.positions WHERE partition = %s", [self._partition]).fetchone()
        assert row is not None
        return ReaderState.from_json(row[0])

    def verified(self) -> Report:
        """What ``subledger verify`` finds."""
        return verify(walk(self._log), lambda name, value: _decodes(name, value), lambda _: None)

    def agree(self) -> list[int]:
        """All readers, those that followed and those that begin anew, stand at one state, with the same rows; and none of them
        counts the records at the offsets that this gives.
        """
        state, live = self.follow(), digest(self._dsn)
        report = self.verified()
        assert report.findings == []
        assert report.partitions[self._partition].state == state
        apart = count(self._partition, logs.from_kafka(self._bootstrap, self._log.environment)[self._partition], fenced=False)
        assert apart.violations == []
        assert apart.at(state.offset) == apart.boundaries[-1]
        assert (apart.sequence, apart.boundaries[-1].chain) == (state.sequence, state.chain)
        assert self.index("anew") == state
        assert rows(self._path("anew")) == rows(self._path("followed"))
        rebuild(self._log, self._dsn, FakeVault())
        assert digest(self._dsn) == live
        assert self.projected() == state
        offsets = [record.offset for record, _ in apart.passed_over]
        assert report.partitions[self._partition].quarantined == self.quarantined == len(offsets)
        assert {row[0] for row in rows(self._path("anew"))["quarantine"]} == set(offsets)
        return offsets

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}-{self._partition}.sqlite"


def _decodes(name: str, value: bytes) -> None:
    decode("", 1, name, value)
