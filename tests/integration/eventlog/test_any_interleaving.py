"""Whatever happens to the embedded log, and in whatever order, history stays one and the indexes agree with it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from infra.eventlog.index import Index, delete
from infra.eventlog.index_snapshots import IndexSnapshots
from infra.eventlog.number import number
from infra.eventlog.reader import Command, Reader, ReaderState
from infra.eventlog.record import Append
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.takeover import catch_up
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from tests.integration.eventlog.ledger import Ledger, derive, plant, rows
from tests.unit.eventlog.chain import NOW, append

STREAMS = ("sub_1", "inv_1", "pay_1")
ATTEMPTS = 5


class AnyInterleaving(RuleBasedStateMachine):
    """Partition 0 under appends, conflicts, restarts, lost and outdated indexes, indexes from snapshots, and a former owner who
    does not stop.
    """

    @initialize()
    def start(self) -> None:
        self.folder = Path(mkdtemp())
        self.log = SqliteLog(self.folder / "log.db", partitions=1)
        self.snapshots = IndexSnapshots((self.folder / "snapshots").as_uri(), "sandbox")
        self.acknowledged: list[str] = []
        self.versions: dict[str, int] = {}
        self.former: list[ReaderState] = []
        self.number = 0
        self._open()

    def _open(self) -> None:
        self.ledger = Ledger(self.log, self.folder).__enter__()

    def _close(self) -> None:
        self.former.append(self.ledger.told.queries["0"].state())
        self.ledger.__exit__()
        for suffix in ("", "-wal", "-shm"):  # what a crash would leave of the index, to be put back later
            path = self.ledger.index_path("0")
            side = path.with_name(path.name + suffix)
            if side.exists():
                shutil.copy(side, side.with_name("old-" + side.name))

    def _append(self, streams: list[str]) -> Append:
        self.number += 1
        versions = dict(self.versions)
        events = []
        for stream in streams:
            versions[stream] = versions.get(stream, 0) + 1
            events.append((stream, versions[stream]))
        return append(*events, command=f"client:{self.number}")

    @rule(streams=st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3))
    def append(self, streams: list[str]) -> None:
        """Given anything before, an append commits: at once, or after the partition was taken over anew."""
        one = self._append(streams)
        for _ in range(ATTEMPTS):
            self._submit(one)
            if one.command_id in self.ledger.told.committed:
                break
        else:
            raise AssertionError(f"never committed: {self.ledger.told.calls}")
        self.acknowledged.append(one.command_id)
        for event in one.events:
            self.versions[event.stream] = event.version

    def _submit(self, one: Append) -> None:
        """Submit ``one`` and wait until it has committed, or until its partition is to decide again."""
        told = self.ledger.told
        ended = told.count("stopped") + told.count("failed")
        self.ledger.submit(self.ledger.entry(one.command_id, one))
        told.wait(lambda: one.command_id in told.committed or told.count("stopped") + told.count("failed") > ended)
        self.ledger.serve("0")

    @precondition(lambda self: self.versions)
    @rule()
    def conflict(self) -> None:
        """A version that is there already is refused, or dropped with its partition: never written."""
        stream, version = next(iter(self.versions.items()))
        self.number += 1
        name = f"client:{self.number}"
        self._submit(append((stream, version), command=name))
        assert name not in self.ledger.told.committed

    @rule()
    def restart(self) -> None:
        self._close()
        self._open()

    @rule()
    def lose_the_index(self) -> None:
        self._close()
        delete(self.ledger.index_path("0"))
        self._open()

    @precondition(lambda self: self.former)
    @rule()
    def go_back_to_an_outdated_index(self) -> None:
        path = self.ledger.index_path("0")
        kept = {suffix: path.with_name(f"old-{path.name}{suffix}") for suffix in ("", "-wal", "-shm")}
        content = {suffix: file.read_bytes() for suffix, file in kept.items() if file.exists()}
        self._close()
        delete(path)
        for suffix, data in content.items():
            path.with_name(path.name + suffix).write_bytes(data)
        self._open()

    @rule()
    def take_a_snapshot(self) -> None:
        self.snapshots.save("0", self.ledger.index_path("0"), self.log.identity("0"), lambda: None)

    @rule()
    def go_back_to_a_snapshot(self) -> None:
        found = list(self.snapshots.newest("0", self.log.identity("0")))
        if found:
            self._close()
            self.snapshots.restore(found[-1], self.ledger.index_path("0"), lambda: None)
            self._open()

    @precondition(lambda self: self.former)
    @rule(data=st.data(), running=st.booleans())
    def a_former_owner_writes(self, data: st.DataObject, running: bool) -> None:
        """Behind a later claim; the owner may be running or not."""
        state = data.draw(st.sampled_from(self.former))
        if not running:
            self._close()
        [zombie], _ = number([self._append(["sub_1", "inv_1"])], state, NOW, "sandbox")
        for record in zombie.records:
            plant(self.log.path, replace(record, offset=self.log.end("0")))
        if not running:
            self._open()

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self._close()
            self.history_is_one()
            self.the_index_equals_one_made_anew()
            shutil.rmtree(self.folder)

    def history_is_one(self) -> None:
        report = verify(walk(self.log), lambda _type, _value: None, lambda _count: None)
        assert report.ok, report.findings
        reader = Reader()
        records = [record for record in walk(self.log) if record.partition == "0"]
        commands = [result for record in records for result in reader.feed(record) if isinstance(result, Command)]
        assert [command.records[0].attributes["commandid"] for command in commands] == self.acknowledged
        for command in commands:
            assert len({event.term for event in command.records}) == 1
        last = {event.attributes["subject"]: int(event.attributes["streamversion"]) for c in commands for event in c.records}
        assert last == self.versions

    def the_index_equals_one_made_anew(self) -> None:
        """Its rows, and its state up to what was planted after it was closed."""
        path, anew = self.ledger.index_path("0"), self.folder / "anew.db"
        live, fresh = Index(path, self.log.identity("0")), Index(anew, self.log.identity("0"))
        for index in (live, fresh):
            catch_up(self.log, {"0": index}, derive, lambda _count: None)
        assert live.state == fresh.state
        assert rows(path) == rows(anew)
        for index in (live, fresh):
            index.queries.close()
            index.close()


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)
