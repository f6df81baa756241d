"""The index: commands and derived rows in, answers out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from infra.eventlog.derived import Derived, StoredRow
from infra.eventlog.index import Index, IndexConflict, IndexUnusable, delete
from infra.eventlog.index_queries import QuarantinedRow, StoredCommand, StreamRow, Timer
from infra.eventlog.reader import Command, Quarantine, ReaderState
from tests.unit.eventlog.chain import NOW, TYPE, Chain

DAY = timedelta(days=1)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "0.db", "log/0")
    yield index
    index.queries.close()
    index.close()


@pytest.fixture
def chain() -> Chain:
    chain = Chain()
    chain.claim(1)
    return chain


def write(index: Index, chain: Chain, *events: tuple[str, int], **derived: Derived) -> Command:
    command = Command(chain.command(*events))
    index.stage([command], derived)
    index.commit(chain.state)
    return command


def ids(rows: Sequence[StoredRow]) -> list[str]:
    return [f"{row.stream}/{row.version}" for row in rows]


def test_a_new_index_knows_nothing(index: Index) -> None:
    assert index.state == ReaderState()
    assert index.queries.stream_events("sub_1") == []
    assert index.queries.command("acme/cus_1", "client:1") is None
    assert index.queries.last_version("sub_1") is None


def test_events_are_found_by_stream_and_by_sequence(index: Index, chain: Chain) -> None:
    write(index, chain, ("sub_1", 1), ("inv_1", 1))
    write(index, chain, ("sub_1", 2))
    write(index, chain, ("sub_1", 3))

    queries = index.queries
    assert queries.stream_events("inv_1") == [
        StoredRow("inv_1", 1, 2, TYPE, b'{"n":1}', "2026-01-01T00:00:01.000000Z", "acme/cus_1")
    ]
    assert ids(queries.stream_events("sub_1", gt=1, lte=2)) == ["sub_1/2"]
    assert ids(queries.stream_events("sub_1", desc=True, limit=2)) == ["sub_1/3", "sub_1/2"]
    assert ids(queries.notifications(2, 2)) == ["inv_1/1", "sub_1/2"]
    assert ids(queries.notifications(2, 2, inclusive=False)) == ["sub_1/2", "sub_1/3"]
    assert ids(queries.notifications(stop=1)) == ["sub_1/1"]
    assert queries.notifications(types=("other",)) == []
    assert queries.last_version("sub_1") == 3


def test_a_command_is_remembered_as_it_left_its_first_stream(index: Index, chain: Chain) -> None:
    command = write(index, chain, ("sub_1", 1), ("inv_1", 1), ("sub_1", 2))

    found = index.queries.command("acme/cus_1", command.records[0].attributes["commandid"])

    assert found == StoredCommand("", "sub_1", 2, 3, command.records[-1].hash)
    assert index.queries.command("acme/cus_2", command.records[0].attributes["commandid"]) is None


def test_timers_are_due_by_clock_and_follow_their_stream(index: Index, chain: Chain) -> None:
    write(index, chain, ("sub_1", 1), sub_1=Derived(timers=(("renewal", NOW + DAY), ("trial", NOW))))
    first, second = Timer("sub_1", "trial", NOW, "acme/cus_1", ""), Timer("sub_1", "renewal", NOW + DAY, "acme/cus_1", "")

    queries = index.queries
    assert queries.timers_of("acme/cus_1") == [first, second]
    assert queries.due_timers("", NOW, inclusive=False, limit=9) == []
    assert queries.due_timers("", NOW, inclusive=True, limit=9) == [first]
    assert queries.due_timers("", NOW + 2 * DAY, inclusive=True, limit=1) == [first]

    write(index, chain, ("sub_1", 2), sub_1=Derived())
    assert queries.timers_of("acme/cus_1") == []


def test_timers_run_on_their_customers_test_clock(index: Index, chain: Chain) -> None:
    write(index, chain, ("sub_1", 1), sub_1=Derived(timers=(("renewal", NOW),)))
    write(index, chain, ("cus_1", 1), cus_1=Derived(clock="clk_1"))
    write(index, chain, ("sub_2", 1), sub_2=Derived(timers=(("renewal", NOW + DAY),)))

    due = index.queries.due_timers("clk_1", NOW + DAY, inclusive=True, limit=9)

    assert [(timer.stream, timer.clock) for timer in due] == [("sub_1", "clk_1"), ("sub_2", "clk_1")]


def test_streams_by_customer_parent_and_open_effect(index: Index, chain: Chain) -> None:
    derived = {"inv_1": Derived(parent="sub_1", open=True, ordinal=7), "pay_1": Derived(parent="inv_1", effect='{"attempt":1}')}
    write(index, chain, ("sub_1", 1), ("inv_1", 1), ("pay_1", 1), sub_1=Derived(), **derived)

    invoice = StreamRow("inv_1", "acme/cus_1", "sub_1", True, None, 7)
    payment = StreamRow("pay_1", "acme/cus_1", "inv_1", False, '{"attempt":1}', 0)
    assert index.queries.streams_of("acme/cus_1") == [invoice, payment, StreamRow("sub_1", "acme/cus_1", "", False, None, 0)]
    assert index.queries.open_effects() == [payment]


def test_what_was_staged_and_rolled_back_never_was(index: Index, chain: Chain) -> None:
    command = Command(chain.command(("sub_1", 1)))
    index.stage([command], {"sub_1": Derived(open=True)})
    index.rollback()

    assert index.queries.stream_events("sub_1") == []
    index.stage([command], {})
    index.commit(chain.state)
    assert ids(index.queries.stream_events("sub_1")) == ["sub_1/1"]


def test_a_version_or_a_command_id_twice_is_a_conflict_and_stages_nothing(index: Index, chain: Chain) -> None:
    write(index, chain, ("sub_1", 1))
    version_again = Command(chain.command(("sub_2", 1), ("sub_1", 1)))
    with pytest.raises(IndexConflict):
        index.stage([version_again], {})
    other = Chain()
    other.claim(1)
    other.command(("sub_9", 1))
    with pytest.raises(IndexConflict):  # the same command id as the first, of other events
        index.stage([Command(tuple(other.command(("sub_1", 1))))], {})

    write(index, chain, ("sub_3", 1))
    assert index.queries.stream_events("sub_2") == []


def test_an_index_reopened_goes_on_and_one_of_another_log_is_refused(tmp_path: Path, chain: Chain) -> None:
    path = tmp_path / "0.db"
    index = Index(path, "log/0")
    write(index, chain, ("sub_1", 1))
    index.queries.close()
    index.close()

    again = Index(path, "log/0")
    assert again.state == chain.state
    again.queries.close()
    again.close()
    with pytest.raises(IndexUnusable, match="index of log/0, not of other/0"):
        Index(path, "other/0")

    delete(path)
    fresh = Index(path, "other/0")
    assert fresh.state == ReaderState()
    fresh.queries.close()
    fresh.close()


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "0.db"
    path.write_bytes(b"this is no database" * 100)

    with pytest.raises(IndexUnusable, match="delete it to have it rebuilt"):
        Index(path, "log/0")


def test_absorbed_commands_are_derived_once_from_the_whole_stream(index: Index, chain: Chain) -> None:
    one, two = Command(chain.command(("sub_1", 1))), Command(chain.command(("sub_1", 2)))
    zombie = chain.records[-1]
    index.absorb([one], [], chain.state)
    index.absorb([two], [Quarantine(zombie, "older-term", "late")], chain.state)
    folded = []

    def derive(rows: Sequence[StoredRow]) -> Derived:
        folded.append(ids(rows))
        return Derived(open=True)

    assert index.queries.streams_of("acme/cus_1") == []
    assert index.settle(derive, 10) == 1
    assert index.settle(derive, 10) == 0
    assert folded == [["sub_1/1", "sub_1/2"]]
    assert [row.open for row in index.queries.streams_of("acme/cus_1")] == [True]
    assert index.queries.quarantined() == [QuarantinedRow(zombie.offset, "sub_1/2", "older-term", "late")]
