"""The projector: every read model from a log, at a position, exactly once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.registry import EVENTS, UnknownEvent
from infra.eventlog.number import number
from infra.eventlog.reader import LogBroken, ReaderState
from infra.eventlog.record import CATALOG, Append, Event, Record
from infra.eventlog.sqlite import SqliteLog
from infra.postgres import positions, session
from infra.postgres.digest import digest
from infra.postgres.positions import OtherLog, OtherProjector
from infra.postgres.projector import project_to_end, rebuild, run_projector
from infra.postgres.roles import projector_dsn
from infra.postgres.session import Session
from projections.registry import TABLES
from tests.read_models.story import PARTITIONS, FakeVault, Life, Told, Writer, tell


@pytest.fixture
def dsn(admin_dsn: str) -> str:
    return projector_dsn(admin_dsn)


def project(log: SqliteLog, dsn: str) -> str:
    project_to_end(log, dsn, FakeVault())
    return digest(dsn).overall


def sequences(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        rows: list[tuple[str, int]] = connection.execute("SELECT partition, sequence FROM ledger.positions").fetchall()
    return dict(rows)


def test_every_read_model_gets_rows(told: SqliteLog, dsn: str) -> None:
    project(told, dsn)
    counts = {name: table.rows for name, table in digest(dsn).tables.items()}
    assert set(counts) == set(TABLES)
    assert all(counts.values()), counts
    assert counts["history"] == sum(sequences(dsn).values()) == sum(len(command.events) for command in tell())


def test_a_rebuild_comes_to_the_same_rows(told: SqliteLog, dsn: str) -> None:
    live, heard = project(told, dsn), [0]
    rebuild(told, dsn, FakeVault(), heard.append)
    assert digest(dsn).overall == live
    assert sum(heard) == sum(sequences(dsn).values())


def test_projecting_again_changes_nothing(told: SqliteLog, dsn: str) -> None:
    assert project(told, dsn) == project(told, dsn)


def test_rows_that_differ_give_another_digest(told: SqliteLog, dsn: str) -> None:
    before = project(told, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE ledger.balances SET surplus = surplus + 1 WHERE tenant = 'acme'")
    assert digest(dsn).overall != before


def test_the_digest_is_the_same_on_another_log_of_the_same_facts(told: SqliteLog, dsn: str, tmp_path: Path) -> None:
    first = project(told, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"TRUNCATE {', '.join(f'ledger.{name}' for name in (*TABLES, 'positions'))}".encode())
    other = SqliteLog(tmp_path / "other.sqlite", "sandbox", PARTITIONS)
    writer = Writer(other)
    by_partition = sorted(tell(), key=lambda command: command.partition)  # another order between partitions, other hashes
    writer.write(by_partition)
    writer.close()
    assert project(other, dsn) == first
    other.close()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 40), crash_at=st.integers(0, 8))
def test_a_crash_between_any_two_batches_applies_nothing_twice(told: SqliteLog, dsn: str, size: int, crash_at: int) -> None:
    expected = project(told, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute(f"TRUNCATE {', '.join(f'ledger.{name}' for name in (*TABLES, 'positions'))}".encode())
    with psycopg.connect(dsn, autocommit=True) as connection:
        small = Small(Session(connection, told, FakeVault(), positions.load(connection, told)), size)
        for _ in range(crash_at):
            small.advance()
        small.session.close()
    assert project(told, dsn) == expected


class Small:
    """A session that is fed few records at a time, so that batches end inside commands."""

    def __init__(self, of: Session, size: int) -> None:
        self.session = of
        self._records: list[Record] = []
        self._poll, self._size = of._source.poll, size
        of._poll = self._take  # type: ignore[method-assign]

    def _take(self, wait_s: float) -> list[Record]:
        if not self._records:
            self._records = list(self._poll(wait_s))
        taken, self._records = self._records[: self._size], self._records[self._size :]
        return taken

    def advance(self) -> None:
        self.session.advance(0)


def test_a_command_is_applied_whole_or_not_at_all(told: SqliteLog, dsn: str) -> None:
    commands: dict[str, list[int]] = {}
    for command in tell():
        ends = commands.setdefault(command.partition, [0])
        ends.append(ends[-1] + len(command.events))
    with psycopg.connect(dsn, autocommit=True) as connection:
        small = Small(Session(connection, told, FakeVault(), positions.load(connection, told)), 1)
        for _ in range(sum(ends[-1] for ends in commands.values()) + PARTITIONS + 1):
            small.advance()
            small.session.settle()
            for partition, sequence in sequences(dsn).items():
                assert sequence in commands.get(partition, [0])
        small.session.close()


def test_a_second_projector_writes_nothing_and_stops(told: SqliteLog, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as mine, psycopg.connect(dsn, autocommit=True) as theirs:
        first = Session(mine, told, FakeVault(), positions.load(mine, told))
        second = Session(theirs, told, FakeVault(), positions.load(theirs, told))
        first.advance(0)
        assert first.settle()
        before = digest(dsn).overall
        second.advance(0)
        with pytest.raises(OtherProjector):
            second.settle()
        first.close()
        second.close()
    assert digest(dsn).overall == before


def test_a_missing_row_stops_it(log: SqliteLog, writer: Writer, dsn: str) -> None:
    life = Life("acme", "crm-1", None)
    writer.write([life.told(life.customer)])
    project(log, dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("TRUNCATE ledger.customers")
    life.customer.set_payment_method(None, life.customer.modified_on)
    writer.write([life.told(life.customer)])
    before = sequences(dsn)
    with pytest.raises(session.ProjectionBroken, match=r"0 rows of 1 were there for: UPDATE ledger\.customers"):
        project(log, dsn)
    assert sequences(dsn) == before


def test_personal_data_whose_key_is_gone_is_null(told: SqliteLog, dsn: str) -> None:
    life = Life("acme", "crm-1", None)
    project_to_end(told, dsn, FakeVault(gone=frozenset({f"acme/{life.id}"})))
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tenant, external_id, name FROM ledger.customers ORDER BY 1, 2").fetchall()
    assert rows == [
        ("acme", "crm-1", None),
        *(
            (tenant, f"crm-{number}", "Ada Lovelace")
            for tenant, begin in (("acme", 2), ("other", 1))
            for number in range(begin, 5)
        ),
    ]


def test_the_history_holds_records_as_they_are(told: SqliteLog, dsn: str) -> None:
    project(told, dsn)
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT partition, sequence, attributes, value FROM ledger.history").fetchall()
    found = {(partition, sequence): (orjson.loads(attributes), value.encode()) for partition, sequence, attributes, value in rows}
    reader = told.reader(dict.fromkeys(told.partitions, 0))
    for record in (record for record in reader.poll(0) if not record.is_claim):
        hashes = {"previoushash": record.previous_hash, "hash": record.hash}
        assert found.pop((record.partition, record.sequence)) == ({**record.attributes, **hashes}, record.value)
    reader.close()
    assert not found


def test_sealed_text_is_in_the_history_alone(told: SqliteLog, dsn: str) -> None:
    project(told, dsn)
    with psycopg.connect(dsn) as connection:
        for name in TABLES.keys() - {"history"}:
            row = connection.execute(
                f"SELECT count(*) FROM ledger.{name} AS t WHERE t::text LIKE '%sealed for%'".encode()
            ).fetchone()
            assert row == (0,), name


def raw(log: SqliteLog, record: Record) -> None:
    """Write behind the owner's back, as a zombie would."""
    owner: Any = log.owner()
    owner.load([record])
    owner.close()


def forged(log: SqliteLog, partition: str, **attributes: str) -> Record:
    """The last record of a partition again, with other attributes."""
    reader = log.reader({partition: 0})
    last = reader.poll(0)[-1]
    reader.close()
    return replace(last, attributes={**last.attributes, **attributes}, offset=-1)


def test_a_zombies_record_is_quarantined_and_the_rest_goes_on(log: SqliteLog, writer: Writer, dsn: str) -> None:
    life = Life("acme", "crm-1", None)
    writer.write([life.told(life.customer)])
    writer.close()
    partition = next(name for name, sequence in _written(log).items() if sequence)
    claim = log.owner()
    claim.poll(0)
    claim.claim(partition, 2, life.customer.created_on)
    claim.close()
    raw(log, forged_event(log, partition))
    project(log, dsn)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT partition, kind FROM ledger.quarantine").fetchall() == [(partition, "older-term")]
        assert connection.execute("SELECT count(*) FROM ledger.customers").fetchone() == (1,)
    project(log, dsn)


def _written(log: SqliteLog) -> dict[str, int]:
    return {name: log.end(name) - 1 for name in log.partitions}


def forged_event(log: SqliteLog, partition: str) -> Record:
    """The partition's first event, once more, as its old owner would write its next."""
    reader = log.reader({partition: 0})
    event = next(record for record in reader.poll(0) if not record.is_claim)
    reader.close()
    return replace(event, attributes={**event.attributes, "sequence": "99"}, offset=-1)


def test_a_broken_log_stops_it_before_any_row(told: SqliteLog, writer: Writer, dsn: str) -> None:
    project(told, dsn)
    before = digest(dsn)
    writer.close()
    raw(told, forged(told, CATALOG, sequence="999"))
    with pytest.raises(LogBroken, match="catalog"):
        run_projector(told, dsn, FakeVault(), Signal())
    assert digest(dsn) == before


def test_an_event_that_nobody_knows_stops_it(log: SqliteLog, writer: Writer, dsn: str) -> None:
    assert "tenant.renamed.v9" not in EVENTS
    state = writer._states[CATALOG]
    event = Event("acme/tenant/acme", 1, "tenant.renamed.v9", b'{"timestamp":"2026-01-01T00:00:00Z"}')
    appends, _ = number([Append(CATALOG, "acme", "acme", "client:1", (event,))], state, writer._now(), "sandbox")
    writer._owner.commit(appends[0].records, {}, frozenset({CATALOG}))
    with pytest.raises(UnknownEvent, match=r"tenant\.renamed\.v9"):
        project(log, dsn)


def test_rows_of_another_log_are_not_continued(told: SqliteLog, dsn: str, tmp_path: Path) -> None:
    project(told, dsn)
    other = SqliteLog(tmp_path / "other.sqlite", "sandbox", PARTITIONS)
    with pytest.raises(OtherLog, match="which is not this log"):
        project(other, dsn)
    other.close()


def test_a_log_that_lost_its_end_is_not_continued(told: SqliteLog, dsn: str) -> None:
    project(told, dsn)
    ahead = ReaderState(offset=10**6).to_json()
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE ledger.positions SET state = %s WHERE partition = 'catalog'", [ahead])
    with pytest.raises(OtherLog, match="has lost its end"):
        project(told, dsn)


def test_it_comes_back_when_its_connection_goes(log: SqliteLog, writer: Writer, admin_dsn: str, dsn: str) -> None:
    commands: list[Told] = list(tell())
    writer.write(commands[:10])
    stop, applied = Signal(), Signal()
    seen = [0]
    failure: list[BaseException] = []

    def hear(events: int) -> None:
        seen[0] += events
        if seen[0] >= sum(len(command.events) for command in commands):
            applied.set()

    def run() -> None:
        try:
            run_projector(log, dsn, FakeVault(), stop, hear)
        except BaseException as error:  # the test's own thread reports it
            failure.append(error)

    thread = Thread(target=run)
    thread.start()
    for part in (commands[10:20], commands[20:]):
        with psycopg.connect(admin_dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'subledger_projector'")
        writer.write(part)
    assert applied.wait(20)
    stop.set()
    thread.join(10)
    assert not failure
    assert digest(dsn).tables["history"].rows == seen[0]
