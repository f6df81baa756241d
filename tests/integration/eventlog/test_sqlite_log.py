"""The embedded log by itself: its file, its lock, its readers, its keys."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from infra.eventlog.log import Aborted, LogUnusable, NotOwner, RecordRefused
from infra.eventlog.number import number
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Event, Record
from infra.eventlog.sqlite import MAX_ROW_BYTES, SqliteLog
from infra.eventlog.sqlite_owner import SqliteOwner
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from tests.integration.eventlog.ledger import Ledger
from tests.unit.eventlog.chain import NOW, append

PATIENCE_S = 20.0


def claimed(owner: SqliteOwner, *partitions: str) -> dict[str, ReaderState]:
    return {partition: ReaderState().with_claim(owner.claim(partition, 1, NOW)) for partition in partitions}


def numbered(state: ReaderState, *appends: Append) -> list[Record]:
    return [record for each in number(appends, state, NOW, "sandbox")[0] for record in each.records]


def ids(records: Sequence[Record]) -> list[str]:
    return [record.attributes["id"] for record in records]


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    return SqliteLog(tmp_path / "log.db", partitions=2)


def test_a_log_keeps_its_environment_and_its_partitions_for_life(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    made = SqliteLog(path, "live", 3)
    assert made.partitions == ("catalog", "0", "1", "2")

    again = SqliteLog(path)
    assert (again.environment, again.partitions) == ("live", made.partitions)
    assert again.identity("1") == made.identity("1") != made.identity("2")
    with pytest.raises(LogUnusable, match="made with partitions 3, not 12"):
        SqliteLog(path, "live", 12)
    with pytest.raises(LogUnusable, match="made with environment live, not sandbox"):
        SqliteLog(path, "sandbox")


def test_a_file_that_is_missing_or_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogUnusable, match="there is no log"):
        SqliteLog(tmp_path / "none.db", must_exist=True)
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at" * 50)
    with pytest.raises(LogUnusable, match="cannot be opened as a log"):
        SqliteLog(tmp_path / "text.db")


def test_a_window_is_written_whole_with_its_keys_and_read_in_order(log: SqliteLog) -> None:
    owner = log.owner()
    assert owner.poll(0).gained == {"catalog", "0", "1"}
    assert not owner.poll(0).gained
    states = claimed(owner, "0", "1")
    records = numbered(states["0"], append(("sub_1", 1), ("inv_1", 1)))
    records += numbered(states["1"], append(("sub_2", 1), partition="1"))

    ends = owner.commit(records, {"acme/cus_1": b"wrapped"}, frozenset({"catalog"}))

    assert ends == {"0": 3, "1": 2}
    assert (log.end("0"), log.end("1"), log.end("catalog")) == (3, 2, 0)
    reader = log.reader({"0": 1, "1": 0})
    assert ids(reader.poll(0)) == ["sub_1/1", "inv_1/1", "claim/1/1", "sub_2/1"]
    assert (reader.position("0"), reader.position("1")) == (3, 2)
    assert reader.poll(0) == []
    keys = log.keys()
    assert keys.get("acme/cus_1") == b"wrapped"
    assert keys.get("acme/cus_2") is None
    assert list(keys.items()) == [("acme/cus_1", b"wrapped")]
    owner.close()


def test_a_reader_sees_what_is_committed_while_it_waits(log: SqliteLog) -> None:
    owner = log.owner()
    reader = log.reader({"0": 0})
    assert reader.poll(0) == []
    owner.claim("0", 1, NOW)
    assert ids(reader.poll(PATIENCE_S)) == ["claim/0/1"]
    owner.close()


def test_only_one_owner_at_a_time(log: SqliteLog) -> None:
    owner = log.owner()
    with pytest.raises(LogUnusable, match="owned by another process"):
        SqliteLog(log.path).owner()
    owner.close()
    SqliteLog(log.path).owner().close()


def test_an_owner_whose_lock_was_taken_away_writes_nothing(log: SqliteLog) -> None:
    owner = log.owner()
    state = claimed(owner, "0")["0"]
    log.path.with_name("log.db.lock").unlink()
    usurper = SqliteLog(log.path).owner()

    with pytest.raises(NotOwner):
        owner.commit(numbered(state, append(("sub_1", 1))), {}, frozenset())
    with pytest.raises(NotOwner):
        owner.commit([], {}, frozenset("0"))
    assert log.end("0") == 1
    usurper.close()
    owner.close()


def test_an_unknown_partition_is_not_owned(log: SqliteLog) -> None:
    owner = log.owner()
    with pytest.raises(NotOwner):
        owner.commit([], {}, frozenset({"7"}))
    owner.close()


def test_a_record_too_large_writes_nothing_of_its_window(log: SqliteLog) -> None:
    owner = log.owner()
    state = claimed(owner, "0")["0"]
    huge = Append("0", "k", "t", "huge", (Event("sub_x", 1, "x", b"x" * (MAX_ROW_BYTES + 1)),))

    with pytest.raises(RecordRefused):
        owner.commit(numbered(state, append(("sub_1", 1)), huge), {}, frozenset())
    assert log.end("0") == 1
    owner.close()


def test_a_full_disk_writes_nothing_says_so_and_goes_on_when_there_is_room(log: SqliteLog) -> None:
    owner = log.owner()
    state = claimed(owner, "0")["0"]
    events = tuple(Event(f"sub_{n}", 1, "x", b"x" * 10_000) for n in range(100))
    records = numbered(state, Append("0", "k", "t", "much", events))
    (pages,) = owner._connection.execute("PRAGMA page_count").fetchone()
    owner._connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    with pytest.raises(Aborted, match="disk is full"):
        owner.commit(records, {"k": b"w"}, frozenset())
    assert log.end("0") == 1
    assert log.keys().get("k") is None

    owner._connection.execute("PRAGMA max_page_count = 1000000")
    assert owner.commit(records, {}, frozenset()) == {"0": 101}
    owner.close()


def test_the_log_itself_refuses_a_sequence_twice(log: SqliteLog) -> None:
    owner = log.owner()
    state = claimed(owner, "0")["0"]
    records = numbered(state, append(("sub_1", 1)))
    owner.commit(records, {}, frozenset())

    with pytest.raises(NotOwner):
        owner.commit(records, {}, frozenset())
    owner.close()


WRITER = """
import sys
from pathlib import Path
from infra.eventlog.sqlite import SqliteLog
from tests.integration.eventlog.ledger import Ledger
from tests.unit.eventlog.chain import append
with Ledger(SqliteLog(Path(sys.argv[1]), partitions=2), Path(sys.argv[2])) as ledger:
    version = 0
    while True:
        version += 1
        ledger.commit(append(("sub_1", version), (f"inv_{version}", 1)))
        print(version, flush=True)
"""


def test_nothing_acknowledged_is_lost_by_kill_minus_nine(tmp_path: Path) -> None:
    path, indexes = tmp_path / "log.db", tmp_path / "indexes"
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITER, str(path), str(indexes)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env={"PYTHONPATH": "."})
    acknowledged = first_numbers(writer)
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate(timeout=PATIENCE_S)
    acknowledged += [int(word) for word in rest.split() if word.isdigit()]

    log = SqliteLog(path)
    with Ledger(log, indexes) as ledger:
        written = len(ledger.told.queries["0"].stream_events("sub_1"))
        assert written in (acknowledged[-1], acknowledged[-1] + 1)
        ledger.commit(append(("sub_1", written + 1)))
    assert verify(walk(log), lambda _type, _value: None, lambda _count: None).ok


def first_numbers(process: subprocess.Popen[str]) -> list[int]:
    """The first 50 versions that the writer acknowledged; it logs other lines too."""
    assert process.stdout is not None
    numbers = (int(line) for line in process.stdout if line.strip().isdigit())
    return list(islice(numbers, 50))


def test_an_index_that_lost_its_newest_commits_in_a_crash_is_caught_up(log: SqliteLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
    path = ledger.index_path("0")
    with sqlite3.connect(path) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old.close()
    kept = path.read_bytes()
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 2)))
        before = ledger.told.queries["0"].streams_of("acme/cus_1")
    path.write_bytes(kept)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)

    with Ledger(log, tmp_path) as ledger:
        assert ledger.told.queries["0"].streams_of("acme/cus_1") == before
        assert ledger.told.queries["0"].quarantined() == []
