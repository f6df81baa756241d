"""Build a node's indexes anew from the log."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from infra.eventlog.derived import Derive
from infra.eventlog.index import Index, delete
from infra.eventlog.log import Log
from infra.eventlog.sqlite_owner import FileLock
from infra.eventlog.takeover import catch_up
from infra.runtime import tune

OpenLog = Callable[[], AbstractContextManager[Log]]
Progress = Callable[[int], None]

# Not a fork: a child must not inherit the threads of the log's clients half-way.
_processes = get_context("spawn")


class RebuildFailed(Exception):
    """A process that built indexes was ended from outside."""


def open_index(log: Log, folder: Path, partition: str) -> Index:
    """The index of a partition in a node's folder; raises IndexUnusable."""
    return Index(index_path(folder, partition), log.identity(partition))


def index_path(folder: Path, partition: str) -> Path:
    """Where a node keeps the index of a partition."""
    return folder / f"{partition}.sqlite"


def index_lock(folder: Path) -> FileLock:
    """Held by the one process that uses a node's indexes; raises LogUnusable where another does."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "lock")


def rebuild_indexes(open_log: OpenLog, folder: Path, derive: Derive, progress: Progress) -> dict[str, int]:
    """Delete the indexes in ``folder`` and read the log into new ones; gives the events of each. Raises LogBroken.

    Partitions are independent, so each processor gets a process for its share of them: ``open_log`` and ``derive`` are pickled.
    Raises LogUnusable where a node is using the folder, RebuildFailed.
    """
    with ExitStack() as stack:
        stack.callback(index_lock(folder).release)
        with open_log() as log:
            ends = {partition: log.end(partition) for partition in log.partitions}
        for partition in ends:
            delete(index_path(folder, partition))
        pipes = []
        for share in shares(ends, os.cpu_count() or 1):
            pipe, process = _start(partial(_build, open_log, folder, share, derive))
            stack.callback(process.join)
            stack.callback(process.terminate)
            pipes.append(pipe)
        return _listen(pipes, progress)


def shares(ends: Mapping[str, int], count: int) -> list[list[str]]:
    """Up to ``count`` groups of partitions with about as many records each: the largest first, each to the smallest group."""
    groups: list[list[str]] = [[] for _ in range(min(count, len(ends)))]
    for partition in sorted(ends, key=lambda name: -ends[name]):
        min(groups, key=lambda group: sum(ends[name] for name in group)).append(partition)
    return [group for group in groups if group]


def _build(open_log: OpenLog, folder: Path, partitions: Sequence[str], derive: Derive, progress: Progress) -> dict[str, int]:
    with open_log() as log:
        indexes = {partition: open_index(log, folder, partition) for partition in partitions}
        try:
            catch_up(log, indexes, derive, progress)
            return {partition: index.state.sequence for partition, index in indexes.items()}
        finally:
            for index in indexes.values():
                index.queries.close()
                index.close()


def _start(work: Callable[[Progress], dict[str, int]]) -> tuple[Connection, BaseProcess]:
    """A process that does the work, and the pipe that hears of it: numbers of records, at the end the result or the error."""
    ours, theirs = _processes.Pipe(duplex=False)
    process = _processes.Process(target=_tell, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _tell(work: Callable[[Progress], dict[str, int]], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    tune()
    try:
        pipe.send(work(pipe.send))
    except Exception as error:  # raised again where it is heard
        pipe.send(error)


def _listen(pipes: list[Connection], progress: Progress) -> dict[str, int]:
    """What all processes built; raises what one of them did, RebuildFailed where one ended without a word."""
    built: dict[str, int] = {}
    while pipes:
        for pipe in wait(pipes):
            assert isinstance(pipe, Connection)
            try:
                said = pipe.recv()
            except EOFError:
                raise RebuildFailed("a process that built indexes was ended; run the rebuild again") from None
            if isinstance(said, Exception):
                raise said
            if isinstance(said, int):
                progress(said)
            else:
                built |= said
                pipes.remove(pipe)
    return built
