"""Indexes built anew by a process for each processor: what a node had, an error where it was met, and no index in use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.eventlog.index import Index
from infra.eventlog.log import LogUnusable
from infra.eventlog.reader import LogBroken
from infra.eventlog.rebuild import RebuildFailed, index_lock, rebuild_indexes, shares
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.walk import walk
from tests.integration.eventlog.ledger import Ledger, derive, plant
from tests.unit.eventlog.chain import append


@contextmanager
def opened(path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(path, must_exist=True)
    yield log
    log.close()


@contextmanager
def opened_by(pid: int, path: Path) -> Iterator[SqliteLog]:
    """The log for one process; any other ends at once, as one that is killed."""
    if os.getpid() != pid:
        os._exit(9)
    with opened(path) as log:
        yield log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.sqlite", partitions=2)
    yield log
    log.close()


def holdings(index: Index) -> object:
    """What an index holds."""
    queries = index.queries
    found = queries.state(), queries.notifications(), queries.streams_of("acme/cus_1"), queries.open_effects()
    queries.close()
    index.close()
    return found


def test_a_rebuild_holds_what_the_nodes_own_indexes_held(log: SqliteLog, tmp_path: Path) -> None:
    # given a node that has written to two partitions, and an older index where the new ones go
    folder = tmp_path / "index"
    with Ledger(log, tmp_path) as ledger:
        for version in (1, 2, 3):
            ledger.commit(append(("sub_1", version), command=f"a{version}"))
        ledger.commit(append(("sub_2", 1), ("inv_2", 1), partition="1"))
        expected = {name: holdings(Index(ledger.index_path(name), log.identity(name))) for name in log.partitions}
    folder.mkdir()
    (folder / "0.sqlite").write_bytes(b"left over")
    # when they are built anew
    told: list[int] = []
    built = rebuild_indexes(partial(opened, log.path), folder, derive, told.append)
    # then
    assert built == {"catalog": 0, "0": 3, "1": 2}
    assert sum(told) == sum(1 for _ in walk(log))
    assert {name: holdings(Index(folder / f"{name}.sqlite", log.identity(name))) for name in log.partitions} == expected


def test_a_broken_log_ends_it_with_the_record(log: SqliteLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
    *_, last = (record for record in walk(log) if record.partition == "0")
    plant(
        log.path,
        type(last)("0", last.key, {**last.attributes, "sequence": "7"}, last.value, last.hash, "f" * 64, last.offset + 1),
    )
    with pytest.raises(LogBroken, match="sequence 7 after 1") as broken:
        rebuild_indexes(partial(opened, log.path), tmp_path / "index", derive, lambda _count: None)
    assert broken.value.record.offset == last.offset + 1


def test_a_process_that_is_killed_is_missed(log: SqliteLog, tmp_path: Path) -> None:
    with pytest.raises(RebuildFailed):
        rebuild_indexes(partial(opened_by, os.getpid(), log.path), tmp_path / "index", derive, lambda _count: None)


def test_indexes_in_use_are_left_alone(log: SqliteLog, tmp_path: Path) -> None:
    lock = index_lock(tmp_path / "index")
    with pytest.raises(LogUnusable):
        rebuild_indexes(partial(opened, log.path), tmp_path / "index", derive, lambda _count: None)
    lock.release()


@given(ends=st.dictionaries(st.text(min_size=1), st.integers(0, 10**6), max_size=20), count=st.integers(1, 8))
def test_every_partition_is_in_one_share_and_none_has_much_more_than_another(ends: Mapping[str, int], count: int) -> None:
    groups = shares(ends, count)
    assert sorted(name for group in groups for name in group) == sorted(ends)
    assert len(groups) <= count
    sizes = [sum(ends[name] for name in group) for group in groups]
    if len(groups) == count:
        assert max(sizes) - min(sizes) <= max(ends.values())
