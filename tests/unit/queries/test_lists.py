"""Cursors: opaque, of one list, and never a way into the SQL."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.api_parameters import CustomerParameters
from queries.lists import Asked, InvalidCursor, Listing, page

LISTING = Listing("things", "created, id, rank", (("created", "timestamptz"), ("id", "text"), ("rank", "integer")))
T0 = datetime(2026, 1, 1, tzinfo=UTC)


class FakeSnapshot:
    """Answers any query with its rows and remembers what was asked."""

    def __init__(self, rows: int = 0) -> None:
        self._rows = [{"created": T0, "id": f"i{n}", "rank": n} for n in range(rows)]
        self.sql = ""
        self.parameters: dict[str, object] = {}

    @property
    def positions(self) -> Mapping[str, int]:
        return {}

    async def all(self, sql: str, **parameters: object) -> list[Mapping[str, Any]]:
        self.sql, self.parameters = sql, parameters
        return list(self._rows)

    async def one(self, sql: str, **parameters: object) -> Mapping[str, Any] | None:
        raise NotImplementedError


def test_a_page_asks_for_one_more_to_know_whether_there_is_more() -> None:
    snapshot = FakeSnapshot(3)
    found = asyncio.run(page(snapshot, LISTING, Asked(limit=2)))
    assert snapshot.parameters["limit"] == 3
    assert [row["id"] for row in found.data] == ["i0", "i1"]
    assert found.next_cursor is not None
    assert asyncio.run(page(FakeSnapshot(2), LISTING, Asked(limit=2))).next_cursor is None


def test_the_next_page_begins_after_the_last_row() -> None:
    cursor = asyncio.run(page(FakeSnapshot(3), LISTING, Asked(limit=2))).next_cursor
    snapshot = FakeSnapshot()
    asyncio.run(page(snapshot, LISTING, Asked(limit=2, cursor=cursor)))
    assert "(created, id, rank) < (%(after_created)s::timestamptz, %(after_id)s::text, %(after_rank)s::integer)" in snapshot.sql
    assert {name: snapshot.parameters[f"after_{name}"] for name in ("created", "id", "rank")} == {
        "created": T0,
        "id": "i1",
        "rank": 1,
    }


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


@given(st.one_of(st.text(), st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode())))
def test_a_cursor_that_we_did_not_give_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        asyncio.run(page(FakeSnapshot(), LISTING, Asked(cursor=cursor)))


@pytest.mark.parametrize(
    "value",
    [
        ["others", "2026-01-01T00:00:00Z", "a", 1],
        ["things", "2026-01-01T00:00:00Z", "a"],
        ["things", "yesterday", "a", 1],
        ["things", 5, "a", 1],
        ["things", "2026-01-01T00:00:00Z", "a\0", 1],
        ["things", "2026-01-01T00:00:00Z", 7, 1],
        ["things", "2026-01-01T00:00:00Z", "a", "1; DROP TABLE"],
        ["things", "2026-01-01T00:00:00Z", "a", 2**40],
        ["things", "2026-01-01T00:00:00", "a", 1],
        {"a": 1},
        [],
        7,
        None,
    ],
)
def test_a_cursor_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(InvalidCursor):
        asyncio.run(page(FakeSnapshot(), LISTING, Asked(cursor=encoded(value))))


def test_the_first_instant_of_all_is_a_cursor_like_any_other() -> None:
    snapshot = FakeSnapshot()
    first = "0001-01-01T00:00:00+14:00"
    asyncio.run(page(snapshot, LISTING, Asked(cursor=encoded(["things", first, "a", 1]))))
    assert str(snapshot.parameters["after_created"]) == first.replace("T", " ")


def test_parameters_become_filters() -> None:
    given = {"limit": 5, "created[gte]": "2026-01-01T00:00:00Z", "external_id": "crm-1"}
    asked = CustomerParameters.model_validate(given).asked()
    assert asked == Asked(5, None, {"external_id": "crm-1"}, {"gte": T0})
