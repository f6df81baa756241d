"""The window thread on the embedded log, with faults put in where the log would have them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.eventlog.derived import Derived, StoredRow
from infra.eventlog.index import Index, delete
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.log import Aborted, Change, NotOwner, OutcomeUnknown
from infra.eventlog.number import claim_record
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import Append, Event, Record
from infra.eventlog.sqlite import MAX_ROW_BYTES, SqliteLog
from infra.eventlog.sqlite_owner import SqliteOwner
from infra.eventlog.verify import verify
from infra.eventlog.walk import walk
from infra.eventlog.window import WindowThread
from tests.integration.eventlog.faults import FaultyLog
from tests.integration.eventlog.ledger import Ledger, derive, plant
from tests.unit.eventlog.chain import NOW, append


@pytest.fixture
def log(tmp_path: Path) -> FaultyLog:
    return FaultyLog(tmp_path / "log.db", partitions=2)


def assert_sound(log: SqliteLog) -> list[str]:
    """The log verifies; gives the ids of its events."""
    report = verify(walk(log), lambda _type, _value: None, lambda _count: None)
    assert report.ok, report.findings
    return [record.attributes["id"] for record in walk(log) if not record.is_claim]


def test_what_waits_commits_together_and_every_entry_learns_where_it_stands(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        first = ledger.entry("a", append(("sub_1", 1), ("inv_1", 1)))
        second = ledger.entry("b", append(("sub_2", 1), partition="1"))
        proof = Entry("catalog", ledger.told.epochs["catalog"], "c")
        ledger.submit(first, second, proof)
        ledger.told.wait(lambda: len(ledger.told.committed) == 3)

        zero = ledger.told.queries["0"].state()
        assert ledger.told.committed["a"] == Committed("0", 2, zero.chain)
        assert ledger.told.committed["b"].sequence == 1
        assert ledger.told.committed["c"].sequence == 0
        assert ledger.told.calls[-1] == ("settled", ["a", "b", "c"])
    assert assert_sound(log) == ["sub_1/1", "inv_1/1", "sub_2/1"]


def test_a_proof_stands_at_the_last_event_of_its_window(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        place = ledger.commit(append(("sub_1", 1)))
        ledger.submit(Entry("0", ledger.told.epochs["0"], "proof"))
        ledger.told.wait(lambda: "proof" in ledger.told.committed)

        assert ledger.told.committed["proof"] == place


def test_an_aborted_window_is_told_and_older_entries_are_dropped(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        log.faulty.faults.append(Aborted("the disk is full"))
        old = ledger.told.epochs["0"]
        ledger.submit(ledger.entry("a", append(("sub_1", 1))))
        ledger.told.wait(lambda: ledger.told.count("failed") == 1)
        assert ledger.told.epochs["0"] == old + 1

        ledger.submit(Entry("0", old, "stale", append(("sub_1", 1))))
        ledger.commit(append(("sub_1", 1), command="again"))

        assert "stale" not in ledger.told.committed
        assert "a" not in ledger.told.committed
    assert assert_sound(log) == ["sub_1/1"]


def test_a_log_that_keeps_taking_no_write_is_left_until_it_takes_a_claim(
    log: FaultyLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.eventlog.window.FAILING_S", 0.0)
    with Ledger(log, tmp_path) as ledger:
        # given a log that takes neither a window nor, for a while, a claim
        log.faulty.claims_refused = 3
        log.faulty.faults.append(Aborted("the disk is full"))
        # when something is to be written
        ledger.submit(ledger.entry("a", append(("sub_1", 1))))
        # then nothing is served until a claim is taken, and all partitions by then
        ledger.told.wait(lambda: ledger.told.count("stopped") == 1)
        assert ("stopped", frozenset(log.partitions), "the log takes no write: the disk is full") in ledger.told.calls
        ledger.serve(*log.partitions)
        assert log.faulty.claims_refused == 0
        assert ledger.commit(append(("sub_1", 1), command="again")).sequence == 1
    assert assert_sound(log) == ["sub_1/1"]


def test_a_partition_that_takes_no_records_is_left_out_until_it_does(
    log: FaultyLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.eventlog.window.FAILING_S", 0.0)
    monkeypatch.setattr("infra.eventlog.window.AWAY_S", 0.2)
    with Ledger(log, tmp_path) as ledger:
        # given a partition that has no leader: a window with it fails, and a claim, before that is known
        log.faulty.away = [{}, {"1": "no leader"}, {"1": "no leader"}]
        log.faulty.claims_refused = 1
        log.faulty.faults.append(Aborted("not delivered"))
        ledger.submit(ledger.entry("a", append(("sub_1", 1), partition="1")))
        # when it is known, then the others are served without it
        ledger.told.wait(lambda: ("stopped", frozenset("1"), "no leader") in ledger.told.calls)
        ledger.serve("catalog", "0")
        assert ledger.commit(append(("sub_2", 1))).sequence == 1
        # and when it has a leader again, it is served, too
        ledger.serve("1")
        assert not log.faulty.away
        ledger.commit(append(("sub_1", 1), partition="1", command="again"))
    assert assert_sound(log) == ["sub_2/1", "sub_1/1"]


def test_a_log_that_goes_away_while_nothing_is_written_is_missed(
    log: FaultyLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.eventlog.window.PROOF_S", 0.05)
    with Ledger(log, tmp_path) as ledger:
        log.faulty.faults.append(Aborted("no broker"))
        ledger.told.wait(lambda: ledger.told.count("stopped") == 1)
        assert ledger.told.calls[-1] == ("stopped", frozenset(log.partitions), "the log does not answer: no broker")
        ledger.serve(*log.partitions)
        ledger.commit(append(("sub_1", 1)))
    assert_sound(log)


def test_one_record_too_large_is_refused_alone(log: FaultyLog, tmp_path: Path) -> None:
    huge = Append("0", "k", "t", "huge", (Event("sub_x", 1, "x", b"x" * (MAX_ROW_BYTES + 1)),))
    with Ledger(log, tmp_path) as ledger:
        before = [ledger.entry(f"before-{n}", append((f"sub_{n}", 1))) for n in range(3)]
        after = [ledger.entry(f"after-{n}", append((f"sub_{n}", 1), partition="1")) for n in range(2)]
        ledger.submit(*before, ledger.entry("huge", huge), *after)
        ledger.told.wait(lambda: ledger.told.count("failed") == 1)

        assert list(ledger.told.refusals) == ["huge"]
        assert set(ledger.told.committed) == {"before-0", "before-1", "before-2"}
        ledger.commit(append(("sub_0", 1), partition="1"))
    assert assert_sound(log) == ["sub_0/1", "sub_1/1", "sub_2/1", "sub_0/1"]


def test_a_version_that_is_there_already_never_reaches_the_log(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
        ledger.submit(ledger.entry("twice", append(("sub_1", 1), command="another")))
        ledger.told.wait(lambda: ledger.told.count("failed") == 1)

        assert list(ledger.told.refusals) == ["twice"]
    assert assert_sound(log) == ["sub_1/1"]


@pytest.mark.parametrize("written", [True, False])
def test_an_unknown_outcome_is_known_when_the_partition_is_served_again(log: FaultyLog, tmp_path: Path, written: bool) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
        (log.faulty.late if written else log.faulty.faults).append(OutcomeUnknown("timed out"))
        ledger.submit(ledger.entry("a", append(("sub_1", 2))))
        ledger.told.wait(lambda: ledger.told.count("unknown") == 1)
        ledger.serve("0")

        found = ledger.told.queries["0"].command("acme/cus_1", "client:sub_1/2")
        assert (found is not None) == written
        assert ("serving", "0", 2) in ledger.told.calls  # under the next term
        assert "a" not in ledger.told.committed
        ledger.commit(append(("sub_1", 3 if written else 2), command="next"))
    assert assert_sound(log)[-1] == ("sub_1/3" if written else "sub_1/2")


def test_a_partition_no_longer_owned_stops_and_the_others_decide_again(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        log.faulty.faults.append(NotOwner({"0"}))
        ledger.submit(ledger.entry("a", append(("sub_1", 1))), ledger.entry("b", append(("sub_2", 1), partition="1")))
        ledger.told.wait(lambda: ledger.told.count("failed") == 1)

        stopped, failed = (call[:2] for call in ledger.told.calls if call[0] in ("stopped", "failed"))
        assert (stopped, failed) == (("stopped", frozenset("0")), ("failed", frozenset("1")))
        ledger.serve("0")  # it is still assigned: claimed anew
        ledger.commit(append(("sub_1", 1)))


def test_a_lost_partition_stops_and_comes_back_under_a_new_term(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
        log.faulty.changes.append(Change(lost=frozenset("0")))
        ledger.told.wait(lambda: ledger.told.count("stopped") == 1)
        ledger.commit(append(("sub_2", 1), partition="1"))

        log.faulty.changes.append(Change(gained=frozenset("0")))
        ledger.serve("0")
        assert ledger.told.calls[-1] == ("serving", "0", 2)
        assert ledger.commit(append(("sub_1", 2))).sequence == 2


def test_a_rival_that_claimed_meanwhile_is_outbid_before_anything_is_served(
    log: FaultyLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = SqliteOwner.claim

    def after_a_rival(owner: SqliteOwner, partition: str, term: int, now: datetime) -> Record:
        if partition == "0":
            monkeypatch.undo()
            rival = claim_record("0", 5, now, "sandbox", "rival:1", ())
            plant(log.path, replace(rival, offset=log.end("0")))
        return claim(owner, partition, term, now)

    monkeypatch.setattr(SqliteOwner, "claim", after_a_rival)
    with Ledger(log, tmp_path) as ledger:
        assert ("serving", "0", 6) in ledger.told.calls
        assert [row.id for row in ledger.told.queries["0"].quarantined()] == ["claim/0/1"]
        ledger.commit(append(("sub_1", 1)))
    assert_sound(log)


def test_a_restart_goes_on_and_a_lost_index_is_rebuilt_to_the_same(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        for version in (1, 2, 3):
            ledger.commit(append(("sub_1", version), (f"inv_{version}", 1)))
        before = ledger.told.queries["0"].streams_of("acme/cus_1")
    delete(ledger.index_path("0"))

    with Ledger(log, tmp_path) as again:
        queries = again.told.queries["0"]
        assert queries.streams_of("acme/cus_1") == before
        assert queries.quarantined() == []
        assert queries.state().term == 2
        assert again.commit(append(("sub_1", 4))).sequence == 7
    assert_sound(log)


def test_a_broken_partition_is_not_served_and_the_others_are(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        ledger.commit(append(("sub_1", 1)))
    delete(ledger.index_path("0"))
    connection = log._connection
    connection.execute("UPDATE records SET value = X'7B7D' WHERE sequence = 1 AND partition = '0'")

    again = Ledger(log, tmp_path)
    again.window.start()
    again.serve("1", "catalog")
    again.told.wait(lambda: again.told.count("broken") == 1)
    again.commit(append(("sub_1", 1), partition="1"))
    again.window.close()

    assert "0" not in again.told.epochs
    assert ("broken", "0", "partition 0, offset 1, sub_1/1: the hash does not match the content") in again.told.calls


def test_an_index_ahead_of_its_log_is_not_served(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        for version in (1, 2, 3):
            ledger.commit(append(("sub_1", version)))
    log._connection.execute("DELETE FROM records WHERE partition = '0'")

    again = Ledger(log, tmp_path)
    again.window.start()
    again.told.wait(lambda: again.told.count("broken") == 1)
    again.window.close()

    [broken] = [call for call in again.told.calls if call[0] == "broken"]
    assert "the log has lost records" in str(broken[2])


def test_an_index_with_no_room_writes_nothing_and_goes_on_when_there_is(log: FaultyLog, tmp_path: Path) -> None:
    much = Append("0", "k", "t", "much", tuple(Event(f"sub_{n}", 1, "x", b"x" * 10_000) for n in range(50)))
    with Ledger(log, tmp_path) as ledger:
        writing = ledger.window._serving["0"]._writing
        (pages,) = writing.execute("PRAGMA page_count").fetchone()
        writing.execute(f"PRAGMA max_page_count = {pages + 5}")
        ledger.submit(ledger.entry("much", much))
        ledger.told.wait(lambda: ledger.told.count("failed") == 1)
        assert log.end("0") == 1

        writing.execute("PRAGMA max_page_count = 1000000")
        assert ledger.commit(much).sequence == 50


def test_an_index_that_cannot_follow_its_log_is_caught_up(
    log: FaultyLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_index: Index, _state: ReaderState) -> None:
        monkeypatch.undo()
        raise sqlite3.OperationalError("disk I/O error")

    with Ledger(log, tmp_path) as ledger:
        monkeypatch.setattr(Index, "commit", fail)
        ledger.submit(ledger.entry("a", append(("sub_1", 1))))
        ledger.told.wait(lambda: ledger.told.count("unknown") == 1)
        ledger.serve("0")

        assert ledger.told.queries["0"].command("acme/cus_1", "client:sub_1/1")
        assert ledger.commit(append(("sub_1", 2))).sequence == 2
    assert assert_sound(log) == ["sub_1/1", "sub_1/2"]


def test_a_damaged_index_is_not_served(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path) as ledger:
        for version in range(1, 40):
            ledger.commit(append(("sub_1", version)))
    path = ledger.index_path("0")
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))

    again = Ledger(log, tmp_path)
    again.window.start()
    again.serve("1", "catalog")
    again.told.wait(lambda: again.told.count("broken") == 1)
    again.window.close()
    assert "0" not in again.told.queries


def test_a_second_owner_is_refused_and_its_thread_says_so(log: FaultyLog, tmp_path: Path) -> None:
    with Ledger(log, tmp_path):
        second = Ledger(SqliteLog(log.path), tmp_path / "second")
        second.window.start()
        second.told.wait(lambda: second.told.error)
        second.window.close()

        assert "owned by another process" in str(second.told.error)


def test_the_recording_time_never_falls_although_the_clock_does(log: FaultyLog, tmp_path: Path) -> None:
    times = [datetime(2026, 1, 2, tzinfo=UTC)] * 4 + [datetime(2026, 1, 1, tzinfo=UTC)] * 9
    with Ledger(log, tmp_path, clock=lambda: times.pop(0)) as ledger:
        ledger.commit(append(("sub_1", 1)))
        ledger.commit(append(("sub_1", 2)))
    assert_sound(log)


def test_an_index_that_cannot_be_opened_keeps_its_partition_alone_from_being_served(log: FaultyLog, tmp_path: Path) -> None:
    # given a folder where an index should be
    ledger = Ledger(log, tmp_path)
    ledger.index_path("1").mkdir()
    ledger.window.start()
    # then the others are served
    ledger.serve("0", "catalog")
    ledger.commit(append(("sub_1", 1)))
    assert "1" not in ledger.told.queries
    # and it as well, as soon as somebody has put that right
    ledger.index_path("1").rmdir()
    ledger.serve("1")
    ledger.window.close()


def test_a_partition_with_events_that_cannot_be_read_is_not_claimed(log: FaultyLog, tmp_path: Path) -> None:
    # given a log in which a newer release has written
    with Ledger(log, tmp_path / "newer") as newer:
        newer.commit(append(("sub_1", 1)))
        newer.commit(append(("sub_2", 1), partition="1"))
    before = [record for record in walk(log) if record.partition == "0"]

    def derive_old(rows: Sequence[StoredRow]) -> Derived:
        if rows[0].stream == "sub_1":
            raise ValueError("this release knows no such event")
        return derive(rows)

    # when an older one takes over
    older = Ledger(log, tmp_path / "older")
    older.window = WindowThread(log, older.open_index, derive_old, older.told, lambda: datetime.now(UTC))
    older.window.start()
    older.serve("1", "catalog")
    older.told.wait(lambda: older.told.count("broken"))
    older.window.close()
    # then it says so, serves the others, and has written nothing there
    assert ("broken", "0", "this release knows no such event") in older.told.calls
    assert [record for record in walk(log) if record.partition == "0"] == before


def test_what_was_decided_while_the_clock_was_ahead_is_decided_again(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", partitions=1)
    with Ledger(log, tmp_path, clock=lambda: NOW) as ledger:
        # given an entry that was decided an hour ahead of what the clock says by now
        ahead = ledger.entry("ahead", append(("sub_1", 1)))._replace(at=NOW + timedelta(hours=1))
        # when it comes to its window, then it is not written
        ledger.submit(ahead)
        ledger.told.wait(lambda: ledger.told.count("failed"))
        assert not ledger.told.committed
        # but it is, once it is decided at a time that is not too far from now
        ledger.submit(ledger.entry("again", append(("sub_1", 1)))._replace(at=NOW + timedelta(seconds=4)))
        ledger.told.wait(lambda: "again" in ledger.told.committed)
