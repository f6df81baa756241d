"""Projections, pure: events in, rows out; and the closed lists."""

from __future__ import annotations

import pytest

from domain.registry import EVENTS
from projections.change import Add, Change, Insert, Projection, UnhandledEvent, Update
from projections.registry import PROJECTIONS, TABLES
from tests.read_models.case import Case, changes, check, rows_in_memory
from tests.read_models.cases import CASES
from tests.read_models.story import tell


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_given_events_these_rows(case: Case) -> None:
    check(case, rows_in_memory(changes(case.given)))


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_every_event_is_handled_or_ignored_by_name(projection: Projection) -> None:
    every = set(EVENTS.values())
    handled, ignored = set(projection.handlers), set(projection.ignores)
    assert handled | ignored == every
    assert not handled & ignored


def test_an_event_that_is_neither_is_refused() -> None:
    empty = Projection("empty", tables=())
    event = next(iter(EVENTS.values()))
    with pytest.raises(UnhandledEvent, match=f"empty neither handles nor ignores {event.__name__}"):
        empty.handler(event)


def test_the_story_tells_every_event() -> None:
    told = {type(event) for command in tell() for event in command.events}
    assert told == set(EVENTS.values())


def test_changes_name_rows_by_the_whole_key_and_stay_in_the_tenant() -> None:
    def key_of(change: Change) -> set[str]:
        match change:
            case Insert(row=row):
                return set(row) & set(TABLES[change.table].key)
            case Update(key=key) | Add(key=key):
                return set(key)

    for command in tell():
        for change in changes([command]):
            assert key_of(change) == set(TABLES[change.table].key)
            named = change.row if isinstance(change, Insert) else change.key
            assert named["tenant"] == command.tenant


def test_every_projection_writes_only_its_own_tables() -> None:
    owners = [table.name for projection in PROJECTIONS for table in projection.tables]
    assert sorted(owners) == sorted(TABLES)
