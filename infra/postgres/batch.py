"""Changes of many events folded into few statements: at most one row image for each key, one statement for each table and shape.

Rows travel as one JSON parameter a statement and become columns in Postgres by the table's own types. (COPY is closed to
roles under row-level security.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from projections.change import Add, Change, Insert, Table, Update

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with one parameter, JSON text; it must hit exactly ``rows`` rows."""

    sql: str
    json: str
    rows: int


@dataclass(slots=True)
class _Pending:
    """What a batch does to the rows of one table."""

    inserted: dict[Key, dict[str, Any]] = field(default_factory=dict)
    updated: dict[Key, dict[str, Any]] = field(default_factory=dict)
    added: dict[Key, dict[str, int]] = field(default_factory=dict)


class Batch:
    """Collects changes in order; ``statements`` gives what they come to."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._pending = {name: _Pending() for name in tables}

    def extend(self, changes: Iterable[Change]) -> None:
        for change in changes:
            table, pending = self._tables[change.table], self._pending[change.table]
            match change:
                case Insert(row=row):
                    key = tuple([row[column] for column in table.key])
                    assert key not in pending.inserted, f"{table.name} {key} is inserted twice"
                    pending.inserted[key] = dict(row)
                case Update(key=named, values=values):
                    assert len(named) == len(table.key), f"{table.name} is changed by its whole key"
                    key = tuple([named[column] for column in table.key])
                    rows = pending.inserted if key in pending.inserted else pending.updated
                    rows.setdefault(key, {}).update(values)
                case Add(key=named, amounts=amounts):
                    key = tuple([named[column] for column in table.key])
                    sums = pending.added.setdefault(key, {})
                    for column, amount in amounts.items():
                        sums[column] = sums.get(column, 0) + amount

    def statements(self) -> Iterator[Statement]:
        """Everything collected, as statements that may run in any order."""
        for name, pending in self._pending.items():
            table = self._tables[name]
            for columns, rows in _by_shape(list(pending.inserted.values())):
                yield _statement(_insert(table, columns), rows)
            for columns, rows in _by_shape(_whole(table, pending.updated)):
                yield _statement(_update(table, columns), rows)
            for columns, rows in _by_shape(_whole(table, pending.added)):
                yield _statement(_add(table, columns), rows)


def _whole(table: Table, rows: Mapping[Key, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{**dict(zip(table.key, key, strict=True)), **values} for key, values in rows.items()]


def _by_shape(rows: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, ...], list[dict[str, Any]]]]:
    shapes: dict[frozenset[str], list[dict[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(frozenset(row), []).append(row)
    for shape, alike in shapes.items():
        yield tuple(sorted(shape)), alike


def _insert(table: Table, columns: tuple[str, ...]) -> str:
    names = _names(columns)
    return f"INSERT INTO ledger.{table.name} ({names}) SELECT {names} FROM {_rows(table)}"


def _update(table: Table, columns: tuple[str, ...]) -> str:
    values = ", ".join(f'"{column}" = r."{column}"' for column in columns if column not in table.key)
    same = " AND ".join(f't."{column}" = r."{column}"' for column in table.key)
    return f"UPDATE ledger.{table.name} AS t SET {values} FROM {_rows(table)} AS r WHERE {same}"


def _add(table: Table, columns: tuple[str, ...]) -> str:
    sums = ", ".join(f'"{column}" = t."{column}" + excluded."{column}"' for column in columns if column not in table.key)
    names = _names(columns)
    return (
        f"INSERT INTO ledger.{table.name} AS t ({names}) SELECT {names} FROM {_rows(table)}"
        f" ON CONFLICT ({_names(table.key)}) DO UPDATE SET {sums}"
    )


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _rows(table: Table) -> str:
    return f"json_populate_recordset(NULL::ledger.{table.name}, %s::json)"


def _statement(sql: str, rows: list[dict[str, Any]]) -> Statement:
    data = orjson.dumps(rows)
    if b"\\u0000" in data:  # the one character that JSON has and Postgres text has not
        data = orjson.dumps(_without_nul(rows))
    return Statement(sql, data.decode(), len(rows))


def _without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case dict():
            return {_without_nul(name): _without_nul(part) for name, part in value.items()}
        case list() | tuple():
            return [_without_nul(part) for part in value]
        case _:
            return value
