from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.pricing.calendar import Calendar
from infra.importing.errors import ImportFailed
from infra.importing.mapping import ImportMapping
from infra.importing.rows import RefusedRow, Row, read_rows
from infra.importing.table import Line, Table

T = datetime(2026, 1, 1, tzinfo=UTC)
MAPPING: dict[str, Any] = {
    "name": "m",
    "currency": "USD",
    "storefront": {"id": "s", "name": "S"},
    "bundle": {"id": "b", "name": "B"},
    "columns": {"external_id": "id", "periods": "months", "amount": "price", "compare_total": "billed"},
    "cancelled": {"column": "left", "value": "Yes"},
}
HEADER = ("id", "months", "price", "billed", "left")
GOOD = ("c1", "2", "9.99", "19.98", "No")


def read(
    *rows: tuple[str, ...], header: tuple[str, ...] = HEADER, as_of: datetime = T, **changes: object
) -> tuple[list[Row], list[RefusedRow]]:
    table = Table(header, tuple(Line(number, fields) for number, fields in enumerate(rows, 2)))
    return read_rows(table, ImportMapping.model_validate(MAPPING | changes), as_of)


def with_field(name: str, text: str) -> tuple[str, ...]:
    return tuple(text if column == name else field for column, field in zip(HEADER, GOOD, strict=True))


def test_a_row_says_who_since_when_and_at_which_price() -> None:
    rows, refused = read(GOOD, ("c2", "0", "1", " ", "Yes"))
    assert not refused
    first, second = rows
    assert (first.external_id, first.periods, first.start_at) == ("c1", 2, datetime(2025, 11, 1, tzinfo=UTC))
    assert (first.price, first.compare) == (Money(amount=999, currency="USD"), Money(amount=1998, currency="USD"))
    assert (first.cancelled, second.cancelled) == (False, True)
    assert (second.start_at, second.compare) == (T, None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (GOOD[:-1], "4 fields, the header has 5"),
        ((*GOOD, "x"), "6 fields, the header has 5"),
        (with_field("id", " "), "id is blank"),
        (with_field("id", "x" * 201), "more than 200 characters"),
        (with_field("months", ""), "'' is not a number of periods"),
        (with_field("months", "-1"), "not a number of periods"),
        (with_field("months", "1.5"), "not a number of periods"),
        (with_field("months", "999999999"), "date_out_of_range"),
        (with_field("price", "9.999"), "more than the 2 decimals"),
        (with_field("price", "free"), "not an amount"),
        (with_field("billed", "much"), "not an amount"),
    ],
)
def test_a_wrong_row_is_refused_and_stops_no_other(fields: tuple[str, ...], reason: str) -> None:
    other = ("c9", *GOOD[1:])
    rows, refused = read(fields, other)
    assert [row.external_id for row in rows] == ["c9"]
    assert [one.line.number for one in refused] == [2]
    assert reason in refused[0].reason


def test_of_rows_with_one_external_id_none_is_taken() -> None:
    rows, refused = read(GOOD, ("c2", *GOOD[1:]), GOOD)
    assert [row.external_id for row in rows] == ["c2"]
    assert [(one.line.number, one.reason) for one in refused] == [
        (2, "'c1' stands in lines 2, 4"),
        (4, "'c1' stands in lines 2, 4"),
    ]


def test_a_currency_column_gives_each_row_its_own() -> None:
    columns = {"external_id": "id", "periods": "months", "amount": "price", "currency": "cur"}
    rows, refused = read(
        ("a", "1", "500", "JPY"),
        ("b", "1", "5.00", "EUR"),
        ("c", "1", "5", "ZZZ"),
        header=("id", "months", "price", "cur"),
        currency=None,
        columns=columns,
        cancelled=None,
    )
    assert [row.price for row in rows] == [Money(amount=500, currency="JPY"), Money(amount=500, currency="EUR")]
    assert "ISO 4217" in refused[0].reason


def test_personal_columns_are_taken_where_they_hold_something() -> None:
    columns: Mapping[str, Any] = MAPPING["columns"] | {"personal": {"name": "n", "email": "e"}}
    rows, _ = read((*GOOD, "Ada", " "), header=(*HEADER, "n", "e"), columns=columns)
    assert rows[0].personal == {"name": "Ada"}


def test_an_instant_that_months_cannot_be_counted_back_from_stops_the_import() -> None:
    with pytest.raises(ImportFailed, match="28 at most"):
        read(with_field("months", "1"), as_of=datetime(2025, 3, 31, tzinfo=UTC))


@given(
    st.integers(0, 72),
    st.integers(1, 28),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.sampled_from([("day", 1), ("week", 2), ("month", 1), ("month", 3), ("year", 1)]),
)
def test_as_many_periods_begin_before_the_instant_as_the_row_says(count: int, day: int, zone: str, unit: tuple[str, int]) -> None:
    as_of = datetime(2026, 5, day, 12, tzinfo=UTC)
    interval = {"unit": unit[0], "count": unit[1]}
    rows, refused = read(
        with_field("months", str(count)), as_of=as_of, interval=interval, storefront={"id": "s", "name": "S", "timezone": zone}
    )
    assert not refused
    mapping = ImportMapping.model_validate(MAPPING | {"interval": interval})
    begins = [
        Calendar(anchor=rows[0].start_at, timezone=zone, interval=mapping.interval).boundary(index) for index in range(count + 1)
    ]
    assert sum(begin < as_of for begin in begins) == count
