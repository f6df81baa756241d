"""Bringing indexes up to the log, and taking partitions over: read, claim, read through the claim, and only then serve.

Both go step by step, so that the window thread serves other partitions and keeps its membership in between.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from infra.eventlog.counts import WindowCounts
from infra.eventlog.derived import Derive
from infra.eventlog.index import Index, IndexConflict, IndexUnusable
from infra.eventlog.log import Aborted, Log, Owner
from infra.eventlog.reader import Command, Kind, LogBroken, Quarantine, Reader
from infra.eventlog.record import Record

log = structlog.get_logger(__name__)

BATCH_RECORDS = 4000
BATCH_STREAMS = 1000
TOLD_EVERY_S = 5.0


class CatchUp:
    """Reads partitions from where their indexes stand, through the readers' rule, into the indexes. ``quarantined`` is counted
    on.
    """

    def __init__(self, event_log: Log, indexes: Mapping[str, Index], derive: Derive, quarantined: Counter[Kind]) -> None:
        self.broken: dict[str, Exception] = {}  # partitions given up, each with its error
        self._indexes = dict(indexes)
        self._derive = derive
        self._quarantined = quarantined
        self._readers = {partition: Reader(index.state) for partition, index in indexes.items()}
        self._reader = event_log.reader({partition: index.state.offset for partition, index in indexes.items()})

    def step(self, timeout_s: float) -> int:
        """Read and index one batch, waiting up to ``timeout_s`` for its first record; gives the number of records."""
        batch: dict[str, list[Record]] = {}
        count, got = 0, self._reader.poll(timeout_s)
        while got:
            for record in got:
                batch.setdefault(record.partition, []).append(record)
            count += len(got)
            got = self._reader.poll(0) if count < BATCH_RECORDS else ()
        for partition, records in batch.items():
            if partition in self._indexes:
                self._absorb(partition, records)
        return count

    def _absorb(self, partition: str, records: Sequence[Record]) -> None:
        index, reader = self._indexes[partition], self._readers[partition]
        try:
            results = [result for record in records for result in reader.feed(record)]
            commands = [result for result in results if isinstance(result, Command)]
            quarantined = [result for result in results if isinstance(result, Quarantine)]
            index.absorb(commands, quarantined, reader.state)
        except sqlite3.OperationalError:
            raise  # a full disk, a lock: to be tried again
        except (LogBroken, IndexConflict, sqlite3.DatabaseError) as error:
            self.broken[partition] = error
            self.drop(partition)
            return
        self._quarantined.update(each.kind for each in quarantined)
        for each in quarantined:
            log.error("record quarantined", partition=partition, offset=each.record.offset, kind=each.kind, reason=each.reason)

    def reached(self, partition: str, offset: int) -> bool:
        """Whether everything below ``offset`` has been read."""
        return self._reader.position(partition) >= offset

    def derived(self, partition: str) -> bool:
        """Derive some more rows of streams that were read; True when none are left, or when one cannot be derived."""
        try:
            return self._indexes[partition].settle(self._derive, BATCH_STREAMS) < BATCH_STREAMS
        except ValueError as error:  # an event of a newer release
            self.broken[partition] = error
            self.drop(partition)
            return True

    def drop(self, partition: str) -> None:
        """Read on, but leave the index of ``partition`` alone."""
        self._indexes.pop(partition, None)

    def close(self) -> None:
        self._reader.close()


class Takeover:
    """Takes ``indexes``' partitions over. ``partitions`` are those still under way; ``put_off``: the last step's claim failed."""

    def __init__(
        self,
        event_log: Log,
        owner: Owner,
        indexes: Mapping[str, Index],
        derive: Derive,
        clock: Callable[[], datetime],
        counts: WindowCounts,
    ) -> None:
        self.broken: dict[str, Exception] = {}
        self.put_off = False
        self._begun = self._told_at = time.monotonic()
        self._counts = counts
        self._indexes = dict(indexes)
        self._owner = owner
        self._clock = clock
        self._claims: dict[str, Record] = {}
        self._unchecked = {partition: index.state.offset for partition, index in indexes.items()}
        self._ends = event_log.ends(indexes)
        self._catch_up = CatchUp(event_log, indexes, derive, counts.quarantined)

    @property
    def partitions(self) -> frozenset[str]:
        return frozenset(self._indexes)

    def step(self, timeout_s: float) -> dict[str, Index]:
        """Go on a little; gives the partitions that are ready to be served. Raises an AppendError of a claim, but not Aborted."""
        self._catch_up.step(timeout_s)
        self._counts.read_on({name: self._ends[name] - index.state.offset for name, index in self._indexes.items()})
        for partition, error in self._catch_up.broken.items():
            self._give_up(partition, error)
        self.put_off = False
        ready = [partition for partition in list(self._indexes) if self._advance(partition)]
        self._tell_progress()
        for partition in ready:
            self._counts.taken_over(partition, self._indexes[partition].state.term, time.monotonic() - self._begun)
        return {partition: self._indexes.pop(partition) for partition in ready}

    def _advance(self, partition: str) -> bool:
        """Claim when all is read; True when our claim is the latest that counts and all rows are derived."""
        index, claim = self._indexes[partition], self._claims.get(partition)
        if claim is None:
            # Where one claim fails the next would likely wait as long for nothing.
            if not self.put_off and self._catch_up.reached(partition, self._ends[partition]) and self._derived(partition):
                self._claim(partition, index)
            return False
        if not self._catch_up.reached(partition, claim.offset + 1):
            return False
        if index.state.claim != claim.hash:  # a higher term came in between: claim above it
            del self._claims[partition]
            return False
        return self._derived(partition)

    def _derived(self, partition: str) -> bool:
        """Whether all rows are derived. Asked before the claim as well: what cannot be read is not claimed."""
        derived = self._catch_up.derived(partition)
        if partition in self._catch_up.broken:
            self._give_up(partition, self._catch_up.broken[partition])
            return False
        return derived

    def _tell_progress(self) -> None:
        """A long takeover says every few seconds how far it is."""
        if time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            behind = {name: f"{index.state.offset} of {self._ends[name]}" for name, index in sorted(self._indexes.items())}
            log.info("reading the log into indexes", read=behind)

    def _claim(self, partition: str, index: Index) -> None:
        if not self._sound(partition, index):
            return
        try:
            claim = self._owner.claim(partition, index.state.term + 1, self._clock())
        except Aborted:
            self.put_off = True  # nothing was written: a later step tries again, when the others had their turn
            self._indexes[partition] = self._indexes.pop(partition)
            return
        if claim.offset < index.state.offset:
            reason = f"{index.path} has read up to offset {index.state.offset}, but the log stands at {claim.offset} only"
            self._give_up(partition, IndexUnusable(f"{reason}; the log has lost records, or the index is not of this log"))
            return
        self._claims[partition] = claim

    def _sound(self, partition: str, index: Index) -> bool:
        """Whether the index, as it was found, has not passed over a claim. Only what was written past the log's fence can have:
        it would go on with a history that nobody else counts. Gives it up where it has. Raises LogUnavailable.
        """
        found_at = self._unchecked.pop(partition, 0)
        claim = self._owner.last_claim(partition, found_at) if found_at else None
        if claim is None or claim.term <= index.state.term:
            return True
        reason = f"{index.path} has passed over the claim of term {claim.term} at offset {claim.offset}"
        self._give_up(partition, IndexUnusable(f"{reason}: its node went on writing after that; delete it to have it rebuilt"))
        return False

    def _give_up(self, partition: str, error: Exception) -> None:
        if partition in self._indexes:
            self.broken[partition] = error
            self.drop(partition)

    def drop(self, partition: str) -> None:
        """No longer take ``partition`` over."""
        if index := self._indexes.pop(partition, None):
            self._counts.read_on({}, partition)
            self._catch_up.drop(partition)
            index.queries.close()
            index.close()

    def close(self) -> None:
        """Drop all that is under way."""
        for partition in self.partitions:
            self.drop(partition)
        self._catch_up.close()


def catch_up(event_log: Log, indexes: Mapping[str, Index], derive: Derive, progress: Callable[[int], None]) -> None:
    """Bring indexes up to the log as it stands now, telling ``progress`` the records of each step.

    Raises LogBroken, IndexConflict, and what ``derive`` raises for an event of a newer release.
    """
    ends = event_log.ends(indexes)
    reading = CatchUp(event_log, indexes, derive, Counter())
    try:
        while not all(reading.reached(partition, end) for partition, end in ends.items()):
            progress(reading.step(0.1))
            for error in reading.broken.values():
                raise error
        for partition in indexes:
            while not reading.derived(partition):
                pass
        for error in reading.broken.values():
            raise error
    finally:
        reading.close()
