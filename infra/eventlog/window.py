"""The window thread: the one thread that owns partitions and appends. Everything that waits commits together (group commit).

A turn: poll the ownership → go on with takeovers → take what waits → number it, send it to the log, stage it
in the indexes meanwhile, commit in the log and then the indexes, tell the listener. One window is in flight at a time.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import Condition, Thread

import structlog

from infra.eventlog.checkpoints import Checkpoints
from infra.eventlog.counts import WindowCounts
from infra.eventlog.derived import Derive
from infra.eventlog.index import Index, IndexConflict, IndexUnusable
from infra.eventlog.listener import Entry, Listener
from infra.eventlog.log import (
    Aborted,
    AppendError,
    Log,
    LogUnavailable,
    LogUnusable,
    NotOwner,
    OutcomeUnknown,
    Owner,
    RecordRefused,
)
from infra.eventlog.number import CatalogFell
from infra.eventlog.snapshot_keeper import SnapshotKeeper
from infra.eventlog.takeover import Takeover
from infra.eventlog.window_commit import WindowCommit

MAX_WINDOW_APPENDS = 1000
MAX_WINDOW_BYTES = 4_000_000
IDLE_S = 0.05  # how long a turn waits for entries; the ownership is polled at least this often
READ_WAIT_S = 0.02  # how long a turn waits for records while partitions are being taken over
RETRY_S = 0.5  # before what failed because something was unavailable is tried again
AWAY_S = 3.0  # before it is looked again whether the log takes records of a partition
PROOF_S = 2.0  # after so long without a window it is seen whether the log is there, and the partitions ours
FAILING_S = 3.0  # a log that has taken no write for as long is not asked for more: a claim will tell when it takes some
CLOSE_LIMIT_S = 5.0

# One entry is at fault, and the window would fail again with it.
REFUSALS = (RecordRefused, IndexConflict, CatalogFell)

OpenIndex = Callable[[str], Index]

log = structlog.get_logger(__name__)


class WindowThread:
    """Owns partitions of ``event_log`` and commits what is submitted. All results go to ``listener``."""

    def __init__(
        self,
        event_log: Log,
        open_index: OpenIndex,
        derive: Derive,
        listener: Listener,
        clock: Callable[[], datetime],
        snapshots: SnapshotKeeper | None = None,
    ) -> None:
        self._log = event_log
        self._open_index = open_index
        self._derive = derive
        self._listener = listener
        self._clock = clock
        self._snapshots = snapshots
        self._waiting: deque[Entry] = deque()
        self._wake = Condition()
        self._closing = False
        self._assigned: frozenset[str] = frozenset()
        self._broken: set[str] = set()
        self._serving: dict[str, Index] = {}
        self._epochs: dict[str, int] = {}
        self._takeovers: list[Takeover] = []
        self._retry_at = 0.0
        self._not_before: dict[str, float] = {}  # when partitions may be tried again that had to be put off
        self._proof_at = 0.0
        self._failing_since: float | None = None
        self.counts = WindowCounts()
        self._checkpoints = Checkpoints()
        self._thread = Thread(target=self._run, name="window", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, entries: Iterable[Entry]) -> None:
        """Let ``entries`` wait for the next window, in their order. Callable from any thread."""
        with self._wake:
            self._waiting.extend(entries)
            self._wake.notify()

    def close(self) -> None:
        """End after the window in flight. Raises TimeoutError where it does not end in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_LIMIT_S)
        if self._thread.is_alive():
            raise TimeoutError(f"the window thread did not end within {CLOSE_LIMIT_S} s")

    def _run(self) -> None:
        self._checkpoints.start()
        if self._snapshots is not None:
            self._snapshots.start()
        try:
            owner = self._log.owner()
            try:
                while not self._closing:
                    self._turn(owner)
                self._stop(frozenset(self._serving), "this node is closing")
            finally:
                self._release()
                owner.close()
        except LogUnusable as error:  # for the operator to mend: whoever is told says it, in one line
            self._listener.died(error)
        except BaseException as error:  # told, never silent: without this thread nothing is served
            log.exception("window thread died")
            self._listener.died(error)
        finally:
            self._checkpoints.close()
            if self._snapshots is not None:
                self._snapshots.close()

    def _release(self) -> None:
        for takeover in self._takeovers:
            takeover.close()
        for index in self._serving.values():
            index.close()

    def _turn(self, owner: Owner) -> None:
        self._poll(owner)
        if time.monotonic() >= self._retry_at:
            try:
                self._take_over(owner)
            except (AppendError, LogUnavailable, sqlite3.OperationalError) as error:
                log.warning("takeover put off", error=str(error), exc_info=not isinstance(error, AppendError))
                self.counts.takeovers_put_off += 1
                self._abandon_takeovers()
                self._retry_at = time.monotonic() + RETRY_S
        going_on = self._takeovers and time.monotonic() >= self._retry_at
        entries = self._take(0.0 if going_on else IDLE_S)
        if entries:
            self._window(owner, entries)
        elif self._serving and time.monotonic() >= self._proof_at:
            self._prove(owner)

    # Ownership

    def _poll(self, owner: Owner) -> None:
        change = owner.poll(0)
        if change.gained or change.lost:
            log.info("ownership changed", gained=sorted(change.gained), lost=sorted(change.lost))
            self._assigned = (self._assigned - change.lost) | change.gained
            self._listener.assigned(self._assigned)
        self._broken -= change.lost
        # A partition announced again is to be claimed again.
        self._stop(change.gained, "to be claimed again")
        self._withdraw(change.lost)
        if change.lost:  # told even of those that wait for a takeover: what is held for them waits no longer
            self._listener.stopped(change.lost, "no longer owned by this node")
        for takeover in self._takeovers:
            for partition in change.lost:
                takeover.drop(partition)

    def _stop(self, partitions: Iterable[str], reason: str) -> None:
        stopped = self._withdraw(partitions)
        if stopped:
            self._listener.stopped(stopped, reason)

    def _withdraw(self, partitions: Iterable[str]) -> frozenset[str]:
        """Serve these no more; gives those that were served."""
        withdrawn = frozenset(partitions) & self._serving.keys()
        for partition in withdrawn:
            index = self._serving.pop(partition)
            self._checkpoints.discard(index.path)
            if self._snapshots is not None:
                self._snapshots.discard(partition)
            index.close()
        return withdrawn

    def _take_over(self, owner: Owner) -> None:
        under_way = {partition for takeover in self._takeovers for partition in takeover.partitions}
        put_off = {partition for partition, until in self._not_before.items() if time.monotonic() < until}
        wanted = self._assigned - self._serving.keys() - self._broken - under_way - put_off
        if self._snapshots is not None:
            wanted = self._snapshots.ready(wanted)
        if wanted:
            self._begin_takeover(owner, wanted)
        for takeover in list(self._takeovers):
            for partition, index in takeover.step(0.0 if self._waiting else READ_WAIT_S).items():
                self._serve(partition, index)
            if takeover.put_off:
                self.counts.takeovers_put_off += 1
                self._retry_at = time.monotonic() + RETRY_S
                for partition in self._leave_out(owner, takeover.partitions):
                    takeover.drop(partition)
            for partition, error in takeover.broken.items():
                self._give_up(partition, error)
            if not takeover.partitions:
                takeover.close()
                self._takeovers.remove(takeover)

    def _begin_takeover(self, owner: Owner, partitions: Iterable[str]) -> None:
        indexes: dict[str, Index] = {}
        try:
            for partition in sorted(frozenset(partitions) - self._leave_out(owner, partitions)):
                try:
                    indexes[partition] = self._open_index(partition)
                except IndexUnusable as error:
                    self._give_up(partition, error)
                except sqlite3.OperationalError as error:  # a full disk, a folder in the file's place: the others go on
                    log.warning("takeover put off", partition=partition, error=str(error))
                    self.counts.takeovers_put_off += 1
                    self._not_before[partition] = time.monotonic() + RETRY_S
            if indexes:
                self._takeovers.append(Takeover(self._log, owner, indexes, self._derive, self._clock, self.counts))
        except BaseException:
            for index in indexes.values():
                index.queries.close()
                index.close()
            raise

    def _leave_out(self, owner: Owner, partitions: Iterable[str]) -> frozenset[str]:
        """Put off those of ``partitions`` that the log takes no records of, and give them: a window with one of them fails."""
        away = owner.unwritable(partitions)
        for partition, reason in away.items():
            log.warning("partition left out", partition=partition, reason=reason)
            self.counts.takeovers_put_off += 1
            self._not_before[partition] = time.monotonic() + AWAY_S
            self._listener.stopped(frozenset({partition}), reason)
        return frozenset(away)

    def _give_up(self, partition: str, error: Exception) -> None:
        if partition not in self._broken:
            log.error("partition cannot be served", partition=partition, error=str(error))
            self._broken.add(partition)
            self._listener.broken(partition, error)

    def _serve(self, partition: str, index: Index) -> None:
        self._serving[partition] = index
        self._checkpoints.add(index.path)
        if self._snapshots is not None:
            self._snapshots.add(partition)
        log.info("serving", partition=partition, term=index.state.term, sequence=index.state.sequence)
        self._listener.serving(partition, index.queries, index.state, self._next_epoch(partition))

    def _abandon_takeovers(self) -> None:
        for takeover in self._takeovers:
            takeover.close()
        self._takeovers.clear()

    def _next_epoch(self, partition: str) -> int:
        self._epochs[partition] = self._epochs.get(partition, 0) + 1
        return self._epochs[partition]

    # Windows

    def _take(self, wait_s: float) -> list[Entry]:
        """What waits, up to the bounds of a window, without the entries of older epochs."""
        taken: list[Entry] = []
        size = 0
        with self._wake:
            if not self._waiting and not self._closing:
                self._wake.wait(wait_s)
            while self._waiting and len(taken) < MAX_WINDOW_APPENDS and size < MAX_WINDOW_BYTES:
                entry = self._waiting.popleft()
                if entry.partition in self._serving and entry.epoch == self._epochs[entry.partition]:
                    taken.append(entry)
                    size += sum(len(event.value) for event in entry.append.events) if entry.append else 0
        return taken

    def _window(self, owner: Owner, entries: Sequence[Entry]) -> None:
        """Commit ``entries``, or tell the listener why not."""
        begun = time.monotonic()
        try:
            self._commit(owner, entries)
            self._succeeded()
        except REFUSALS as error:
            self._bisect(owner, entries, error)
        except AppendError as error:
            self._failing_since = self._failing_since or begun
            self._not_committed(owner, {entry.partition for entry in entries}, error)

    def _succeeded(self) -> None:
        self._failing_since = None
        self._proof_at = time.monotonic() + PROOF_S

    def _prove(self, owner: Owner) -> None:
        """Nothing waits: see whether the log is there, and the partitions still ours."""
        try:
            owner.commit([], {}, frozenset(self._serving))
        except NotOwner as error:
            self.counts.windows["fenced"] += 1
            self._stop(error.partitions, str(error))
        except AppendError as error:
            self.counts.windows["aborted"] += 1
            self._stop(frozenset(self._serving), f"the log does not answer: {error}")
        else:
            self._succeeded()
            self._listener.proved()

    def _not_committed(self, owner: Owner, partitions: set[str], error: AppendError) -> None:
        if isinstance(error, NotOwner):
            self.counts.windows["fenced"] += 1
            self._stop(error.partitions, str(error))
            self._fail(partitions, "another partition of the window is no longer owned by this node")
        elif isinstance(error, OutcomeUnknown):
            self.counts.windows["unknown"] += 1
            log.error("outcome unknown", partitions=sorted(partitions), error=str(error))
            self._listener.unknown(self._withdraw(partitions), str(error))
            self._recover(owner)
        elif self._failing_since is not None and time.monotonic() - self._failing_since >= FAILING_S:
            self.counts.windows["aborted"] += 1
            self._stop(frozenset(self._serving), f"the log takes no write: {error}")
        else:
            self.counts.windows["aborted"] += 1
            self._fail(partitions, str(error))
            self._pause()

    def _commit(self, owner: Owner, entries: Sequence[Entry]) -> None:
        window = WindowCommit(self._serving, self._log.environment, self._clock())
        begun, committed = time.perf_counter(), False
        try:
            window.number(entries)
            ends = owner.commit(window.records, window.data_keys, window.partitions, window.stage)
            written, committed = time.perf_counter(), True
            window.finish(ends)
        except sqlite3.Error as error:
            window.rollback()
            reason = f"an index could not be written: {error}"
            # Committed in the log where the index cannot follow: the partitions are taken over anew, and it is read back.
            raise (OutcomeUnknown(reason) if committed else Aborted(reason)) from error
        except BaseException:
            window.rollback()
            raise
        log_s, index_s = written - begun - window.staging_s, time.perf_counter() - written
        self.counts.committed(len(entries), window.records, window.staging_s, log_s, index_s)
        self._listener.settled(window.results(entries))

    def _bisect(self, owner: Owner, entries: Sequence[Entry], error: Exception) -> None:
        """Find the one entry that cannot be written. What stands before it commits; what stands after it is decided again."""
        partitions = {entry.partition for entry in entries}
        while len(entries) > 1:
            half = entries[: len(entries) // 2]
            try:
                self._commit(owner, half)
                entries = entries[len(half) :]
            except REFUSALS as narrower:
                entries, error = half, narrower
            except AppendError as other:
                self._not_committed(owner, partitions, other)
                return
        self.counts.windows["refused"] += 1
        log.error("entry refused", partition=entries[0].partition, error=str(error))
        self._listener.refused(entries[0].token, str(error))
        self._fail(partitions, "an entry of the window was refused")

    def _fail(self, partitions: Iterable[str], reason: str) -> None:
        epochs = {partition: self._next_epoch(partition) for partition in partitions if partition in self._serving}
        if epochs:
            log.warning("window failed", partitions=sorted(epochs), reason=reason)
            self._listener.failed(epochs, reason)

    def _pause(self) -> None:
        """Nothing can be written just now: let a little time pass before what is decided again is tried."""
        with self._wake:
            if not self._closing:
                self._wake.wait_for(lambda: self._closing, timeout=IDLE_S)

    def _recover(self, owner: Owner) -> None:
        """Settle what is open; until that is done nothing else may be written."""
        while not self._closing:
            try:
                owner.recover()
                return
            except (AppendError, LogUnavailable) as error:
                log.warning("recovery put off", error=str(error))
                time.sleep(RETRY_S)
