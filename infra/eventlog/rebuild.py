"""Build a node's indexes anew from the log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infra.eventlog.derived import Derive
from infra.eventlog.index import Index, delete
from infra.eventlog.log import Log
from infra.eventlog.sqlite_owner import FileLock
from infra.eventlog.takeover import catch_up


def open_index(log: Log, folder: Path, partition: str) -> Index:
    """The index of a partition in a node's folder; raises IndexUnusable."""
    return Index(folder / f"{partition}.sqlite", log.identity(partition))


def rebuild_indexes(log: Log, folder: Path, derive: Derive, progress: Callable[[int], None]) -> dict[str, int]:
    """Delete the indexes in ``folder`` and read the log into new ones; gives the events of each. Raises LogBroken.

    Raises LogUnusable where a node is using the folder.
    """
    lock = index_lock(folder)
    try:
        return _rebuild(log, folder, derive, progress)
    finally:
        lock.release()


def index_lock(folder: Path) -> FileLock:
    """Held by the one process that uses a node's indexes; raises LogUnusable where another does."""
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / "lock")


def _rebuild(log: Log, folder: Path, derive: Derive, progress: Callable[[int], None]) -> dict[str, int]:
    for partition in log.partitions:
        delete(folder / f"{partition}.sqlite")
    indexes = {partition: open_index(log, folder, partition) for partition in log.partitions}
    try:
        catch_up(log, indexes, derive, progress)
        return {partition: index.state.sequence for partition, index in indexes.items()}
    finally:
        for index in indexes.values():
            index.queries.close()
            index.close()
