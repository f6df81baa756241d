"""The shared projection test case: given events, these rows. Each case runs pure, on tables in memory, and on Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from domain.registry import encode
from infra.postgres.batch import Batch
from projections.change import Add, Change, Envelope, Insert, Update
from projections.registry import TABLES, project_all
from tests.read_models.story import CLEAR, T0, Told

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """``rows``: what the named tables hold after the given commands, by the columns that the case is about."""

    name: str
    given: Sequence[Told]
    rows: Mapping[str, Sequence[Mapping[str, Any]]]


def changes(commands: Iterable[Told]) -> Iterator[Change]:
    """What all projections make of commands, numbered as in one partition each."""
    sequences: dict[str, int] = {}
    for command in commands:
        for event in command.events:
            sequence = sequences[command.partition] = sequences.get(command.partition, 0) + 1
            envelope = Envelope(
                partition=command.partition, sequence=sequence, key=command.key, tenant=command.tenant,
                stream=event.originator_id, version=event.originator_version, type=event.TOPIC, recorded_at=T0,
                attributes={
                    "id": f"{event.originator_id}/{event.originator_version}", "time": "2026-01-01T00:00:00.000000Z",
                    "actor": "key_1", "hash": f"hash {sequence}",
                },
                value=encode(event),
                personal=CLEAR if getattr(event, "personal", None) else None,
            )  # fmt: skip
            yield from project_all(event, envelope)


def rows_in_memory(given: Iterable[Change]) -> Rows:
    """The plain meaning of changes, one by one."""
    tables: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in TABLES}
    for change in given:
        rows, columns = tables[change.table], TABLES[change.table].key
        match change:
            case Insert(row=row):
                key = tuple(row[column] for column in columns)
                assert key not in rows
                rows[key] = dict(row)
            case Update(key=named, values=values):
                rows[tuple(named[column] for column in columns)].update(values)
            case Add(key=named, amounts=amounts):
                row = rows.setdefault(tuple(named[column] for column in columns), dict(named))
                for column, amount in amounts.items():
                    row[column] = row.get(column, 0) + amount
    return {name: [rows[key] for key in sorted(rows)] for name, rows in tables.items()}


def rows_in_postgres(dsn: str, batches: Iterable[Iterable[Change]]) -> Rows:
    """What the batches come to on empty tables; ``dsn`` is the projector role's. Nothing is kept."""
    with psycopg.connect(dsn, row_factory=dict_row, options="-c timezone=UTC") as connection:
        for given in batches:
            batch = Batch(TABLES)
            batch.extend(given)
            for statement in batch.statements():
                assert connection.execute(statement.sql.encode(), [statement.json]).rowcount == statement.rows
        found = {name: _read(connection, name, table.key) for name, table in TABLES.items()}
        connection.rollback()
    return found


def _read(connection: psycopg.Connection[dict[str, Any]], name: str, key: Sequence[str]) -> list[dict[str, Any]]:
    rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("ledger", name))).fetchall()
    return sorted(rows, key=lambda row: tuple(row[column] for column in key))


def check(case: Case, found: Rows) -> None:
    """Exactly the rows that the case expects, by the columns that it names."""
    for table, expected in case.rows.items():
        columns = set().union(*expected)
        assert [{name: row[name] for name in row.keys() & columns} for row in found[table]] == list(expected), table
