"""Two nodes, one log, and a death at any point of a window or a takeover: what was answered stands in the log, once.

No threads: a node takes the window thread's own steps one by one, and dies after the one that was drawn. What it leaves is what a
kill leaves: its files as they stood.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from infra.eventlog.counts import WindowCounts
from infra.eventlog.derived import Derived
from infra.eventlog.index import Index, IndexConflict, delete
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import LogUnusable
from infra.eventlog.reader import Command, Reader, Result
from infra.eventlog.record import Append, Event, Record
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.takeover import Takeover, catch_up
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from infra.eventlog.window_commit import WindowCommit
from tests.integration.eventlog.ledger import derive, rows
from tests.unit.eventlog.chain import NOW

PARTITIONS = ("catalog", "0", "1")
KEY = "acme/cus_1"

# How far a node has come with a window when it dies: the indexes staged, the log written, one of the indexes committed, or all.
Point = Literal["staged", "written", "half indexed", "indexed"]


class Died(Exception):
    """The node ended where it stood."""


class Node:
    """One node's life: it owns the log until it is closed or dies. Its indexes are those that its last life left."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Raises LogUnusable where another node owns the log."""
        self._log = SqliteLog(path, partitions=len(PARTITIONS) - 1)
        try:
            self._owner = self._log.owner()
        except LogUnusable:
            self._log.close()
            raise
        self._owner.poll(0)
        self.serving: dict[str, Index] = {}
        self._indexes = {name: Index(index_path(folder, name), self._log.identity(name)) for name in PARTITIONS}
        self._takeover = Takeover(self._log, self._owner, self._indexes, derive, lambda: NOW, WindowCounts())

    def take_over(self, steps: int | None) -> None:
        """Until all partitions are served. Raises Died before it is, where that takes more ``steps``."""
        done = 0
        while self._takeover.partitions:
            if done == steps:
                raise Died
            self.serving |= self._takeover.step(0)
            assert not self._takeover.broken
            done += 1

    def commit(self, entries: Sequence[Entry], seconds: int, dies: Point | None) -> list[tuple[object, Committed]]:
        """One window; gives what its clients are told. Raises IndexConflict, Died."""
        window = WindowCommit(self.serving, self._log.environment, NOW + timedelta(seconds=seconds))

        def stage() -> None:
            window.stage()
            if dies == "staged":
                raise Died

        try:
            window.number(entries)
            ends = dict(self._owner.commit(window.records, window.data_keys, window.partitions, stage))
        except IndexConflict:
            window.rollback()
            raise
        if dies == "written":
            raise Died
        if dies == "half indexed":
            window.finish(dict([ends.popitem()]))
            raise Died
        window.finish(ends)
        if dies == "indexed":
            raise Died
        return window.results(entries)

    def close(self) -> None:
        for index in self._indexes.values():
            index.queries.close()
            index.close()
        self._owner.close()
        self._log.close()


def index_path(folder: Path, partition: str) -> Path:
    return folder / f"{partition}.sqlite"


class AnyDeath(RuleBasedStateMachine):
    """Commands of a client who sends again what was not answered, under the same id."""

    @initialize()
    def start(self) -> None:
        self.world = Path(mkdtemp())
        self.node: Node | None = None
        self.alive = 0
        self.number = 0
        self.answered: dict[str, Committed] = {}  # by command id
        self.unanswered: dict[str, tuple[str, list[str]]] = {}  # … with the partition and the streams
        self.follower = {partition: Reader() for partition in PARTITIONS}
        self.followed: list[str] = []  # the last hash of each command

    @property
    def path(self) -> Path:
        return self.world / "log.sqlite"

    def folder(self, which: int) -> Path:
        return self.world / f"node-{which}"

    # Nodes

    @precondition(lambda self: self.node is None)
    @rule(which=st.sampled_from([1, 2]), steps=st.one_of(st.none(), st.integers(0, 3)))
    def begin(self, which: int, steps: int | None) -> None:
        self.node, self.alive = Node(self.path, self.folder(which)), which
        try:
            self.node.take_over(steps)
        except Died:
            self._die()
        else:
            self.what_is_served_is_a_replay()

    @precondition(lambda self: self.node is not None)
    @rule()
    def no_second_one_can_begin(self) -> None:
        with pytest.raises(LogUnusable, match="owned by another process"):
            Node(self.path, self.folder(3 - self.alive))

    @precondition(lambda self: self.node is not None)
    @rule()
    def end(self) -> None:
        self._serving.close()
        self.node = None

    @precondition(lambda self: self.node is None)
    @rule(which=st.sampled_from([1, 2]), partition=st.sampled_from(PARTITIONS))
    def lose_an_index(self, which: int, partition: str) -> None:
        delete(index_path(self.folder(which), partition))

    @precondition(lambda self: self.node is None)
    @rule(which=st.sampled_from([1, 2]))
    def lose_what_was_not_synced(self, which: int) -> None:
        """An index is not waited for by its disk: a power cut may leave an older one. The other node's is one."""
        shutil.rmtree(self.folder(which), ignore_errors=True)
        if self.folder(3 - which).exists():
            shutil.copytree(self.folder(3 - which), self.folder(which))

    def _die(self) -> None:
        """The files stay as they stand now, before Python closes what is open."""
        left = self.world.with_name(self.world.name + "-left")
        shutil.copytree(self.world, left)
        self._serving.close()
        self.node = None
        shutil.rmtree(self.world)
        left.rename(self.world)

    @property
    def _serving(self) -> Node:
        assert self.node is not None
        return self.node

    # Commands

    @precondition(lambda self: self.node is not None)
    @rule(
        wanted=st.lists(
            st.tuples(st.sampled_from(PARTITIONS), st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3)),
            min_size=1,
            max_size=4,
        ),
        seconds=st.integers(-3, 3),
        dies=st.sampled_from([None, None, None, "staged", "written", "half indexed", "indexed"]),
    )
    def send(self, wanted: list[tuple[str, list[str]]], seconds: int, dies: Point | None) -> None:
        for partition, streams in wanted:
            self.number += 1
            self.unanswered[f"client:{self.number}"] = (partition, [f"{partition}-{stream}" for stream in streams])
        self._commit([f"client:{self.number - back}" for back in reversed(range(len(wanted)))], seconds, dies)

    @precondition(lambda self: self.node is not None and self.unanswered)
    @rule(seconds=st.integers(-3, 3))
    def send_again(self, seconds: int) -> None:
        """What was done is answered from the index, the rest is done now."""
        again = []
        for name, (partition, _) in list(self.unanswered.items()):
            found = self._serving.serving[partition].queries.command(KEY, name)
            if found is None:
                again.append(name)
            else:
                self._answer(name, Committed(partition, found.sequence, found.hash))
        if again:
            self._commit(again, seconds, None)
        assert not self.unanswered

    @precondition(lambda self: self.node is not None and self.answered)
    @rule(data=st.data())
    def do_twice(self, data: st.DataObject) -> None:
        """A command that is there already is never written again, by whatever mistake it is decided anew."""
        name = data.draw(st.sampled_from(sorted(self.answered)))
        partition = self.answered[name].partition
        entry = self._entry(name, partition, [f"{partition}-new"], {})
        with pytest.raises(IndexConflict):
            self._serving.commit([entry], 0, None)

    def _commit(self, names: Sequence[str], seconds: int, dies: Point | None) -> None:
        versions: dict[str, int] = {}
        entries = [self._entry(name, *self.unanswered[name], versions) for name in names]
        try:
            told = self._serving.commit(entries, seconds, dies)
        except Died:
            self._die()
            return
        for name, place in told:
            assert isinstance(name, str)
            self._answer(name, place)

    def _answer(self, name: str, place: Committed) -> None:
        del self.unanswered[name]
        self.answered[name] = place

    def _entry(self, name: str, partition: str, streams: Sequence[str], versions: dict[str, int]) -> Entry:
        """An append that goes on where the streams stand, in the index and then in ``versions``."""
        serving = self._serving.serving
        events = []
        for stream in streams:
            stored = versions.get(stream)
            if stored is None:
                stored = len(serving[partition].queries.stream_events(stream))
            versions[stream] = stored + 1
            events.append(Event(stream, versions[stream], "subscription.started.v2", b"{}"))
        seen = serving["catalog"].state.sequence if partition != "catalog" else 0
        append = Append(partition, KEY, "acme", name, tuple(events), catalog_sequence=seen)
        derived = {stream: Derived(open=versions[stream] % 2 == 1, parent=KEY) for stream in streams}
        return Entry(partition, 0, name, append, derived)

    # Readers

    @precondition(lambda self: self.path.exists())
    @rule()
    def follow(self) -> None:
        """A reader who goes on from where it stands, whatever became of the nodes."""
        log = SqliteLog(self.path)
        reader = log.reader({partition: one.state.offset for partition, one in self.follower.items()})
        for record in reader.poll(0):
            self._heard(self.follower[record.partition].feed(record))
        reader.close()
        log.close()

    def _heard(self, results: Sequence[Result]) -> None:
        self.followed += [result.records[-1].hash for result in results if isinstance(result, Command)]

    # What holds

    def what_is_served_is_a_replay(self) -> None:
        """With all that was ever answered in it."""
        with closing(SqliteLog(self.path)) as log:
            replayed = {partition: Reader() for partition in PARTITIONS}
            for record in walk(log):
                replayed[record.partition].feed(record)
        for partition, index in self._serving.serving.items():
            assert index.state == index.queries.state() == replayed[partition].state
        for name, place in self.answered.items():
            found = self._serving.serving[place.partition].queries.command(KEY, name)
            assert found is not None, f"{name} is lost"
            assert (found.sequence, found.hash) == (place.sequence, place.hash)

    def teardown(self) -> None:
        if self.node is None:
            self.begin(1, None)
        if self.unanswered:
            self.send_again(0)
        self.end()
        self.follow()
        with closing(SqliteLog(self.path)) as log:
            self.every_command_counts_once(log)
            self.every_index_equals_one_made_anew(log)
        shutil.rmtree(self.world)

    def every_command_counts_once(self, log: SqliteLog) -> None:
        report = verify(walk(log), lambda _type, _value: None, lambda _count: None)
        assert report.ok, report.findings
        readers = {partition: Reader() for partition in PARTITIONS}
        results = [result for record in walk(log) for result in readers[record.partition].feed(record)]
        commands = [result.records for result in results if isinstance(result, Command)]
        counted = {records[0].attributes["commandid"]: records[-1] for records in commands}
        assert len(counted) == len(commands)
        assert counted.keys() == self.answered.keys()
        for name, place in self.answered.items():
            assert (place.partition, place.sequence, place.hash) == _place(counted[name])
        assert sorted(self.followed) == sorted(record.hash for record in counted.values())

    def every_index_equals_one_made_anew(self, log: SqliteLog) -> None:
        """Those of both nodes, once they have read on."""
        for partition in PARTITIONS:
            found = []
            for folder in (self.folder(1), self.folder(2), self.world / "anew"):
                index = Index(index_path(folder, partition), log.identity(partition))
                catch_up(log, {partition: index}, derive, lambda _count: None)
                found.append((index.state, rows(index.path)))
                index.queries.close()
                index.close()
            assert found[0] == found[1] == found[2]


def _place(record: Record) -> tuple[str, int, str]:
    return record.partition, record.sequence, record.hash


TestAnyDeath = AnyDeath.TestCase
TestAnyDeath.settings = settings(max_examples=30, stateful_step_count=20, deadline=None, print_blob=True)
