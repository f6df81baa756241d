"""One window: its entries numbered, staged in the indexes of their partitions while the log takes them, and finished once it has
committed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from infra.eventlog.derived import Derived
from infra.eventlog.index import Index
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import CLOCK_TOLERANCE_S, Aborted
from infra.eventlog.number import number
from infra.eventlog.reader import Command, ReaderState
from infra.eventlog.record import Record

CLOCK_TOLERANCE = timedelta(seconds=CLOCK_TOLERANCE_S)


class WindowCommit:
    """``records`` and ``data_keys`` are what the log is to commit, ``partitions`` those whose ownership the window proves."""

    def __init__(self, serving: Mapping[str, Index], environment: str, now: datetime) -> None:
        self.records: list[Record] = []
        self.data_keys: dict[str, bytes] = {}
        self.partitions: frozenset[str] = frozenset()
        self._serving = serving
        self._environment = environment
        self._now = now
        self._states: dict[str, ReaderState] = {}
        self._staging: dict[str, tuple[list[Command], dict[str, Derived]]] = {}
        self.staging_s = 0.0  # the time that numbering and staging took
        self._places: dict[int, Committed] = {}  # by the identity of an entry that appends

    def number(self, entries: Sequence[Entry]) -> None:
        """Make the entries records. Raises CatalogFell, and Aborted where one was decided while our clock was wrong."""
        begun = time.perf_counter()
        by_partition: dict[str, list[Entry]] = {}
        for entry in entries:
            by_partition.setdefault(entry.partition, []).append(entry)
        self.partitions = frozenset(by_partition)
        for partition, members in by_partition.items():
            self._check_times(partition, members)
            self._number(partition, [member for member in members if member.append])
        self.staging_s += time.perf_counter() - begun

    def _check_times(self, partition: str, entries: Sequence[Entry]) -> None:
        """What was decided far ahead of now was decided before the clock was set back: timers may have fired too early for it."""
        last = self._serving[partition].state.time
        latest = max(self._now, datetime.fromisoformat(last) if last else self._now) + CLOCK_TOLERANCE
        if any(entry.at is not None and entry.at > latest for entry in entries):
            raise Aborted("our clock went back since this was decided")

    def _number(self, partition: str, entries: Sequence[Entry]) -> None:
        appends = [entry.append for entry in entries if entry.append]
        assert all(append.partition == partition for append in appends)
        numbered, state = number(appends, self._serving[partition].state, self._now, self._environment)
        self._states[partition] = state
        if not numbered:
            return
        derived: dict[str, Derived] = {}
        for entry, each in zip(entries, numbered, strict=True):
            last = each.records[-1]
            self._places[id(entry)] = Committed(partition, last.sequence, last.hash)
            self.records += each.records
            self.data_keys |= each.append.data_keys
            derived |= entry.derived
        self._staging[partition] = [Command(each.records) for each in numbered], derived

    def stage(self) -> None:
        """Write what was numbered to the indexes, not yet for good. Raises IndexConflict."""
        begun = time.perf_counter()
        for partition, (commands, derived) in self._staging.items():
            self._serving[partition].stage(commands, derived)
        self.staging_s += time.perf_counter() - begun

    def rollback(self) -> None:
        for partition in self.partitions:
            self._serving[partition].rollback()

    def finish(self, ends: Mapping[str, int]) -> None:
        """Commit the indexes; ``ends`` are the offsets after each partition's last record."""
        for partition, end in ends.items():
            self._states[partition] = replace(self._states[partition], offset=end)
            self._serving[partition].commit(self._states[partition])

    def results(self, entries: Sequence[Entry]) -> list[tuple[object, Committed]]:
        """Every entry's token with where it stands; a proof stands at its partition's last event."""
        proofs = {partition: Committed(partition, state.sequence, state.chain) for partition, state in self._states.items()}
        return [(entry.token, self._places.get(id(entry), proofs[entry.partition])) for entry in entries]
