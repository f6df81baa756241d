"""Digests of the read models at one pinned snapshot: equal rows give equal digests, in whatever order they were written.

A row's digest is the MD5 of its JSON over the sorted digested columns; a table's is the sum of its rows' modulo 2**128. Made
against drift (a rebuild, and another log of the same facts, must give the same), not against an adversary: the log's chain is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import psycopg
from psycopg import IsolationLevel, sql

from projections.change import Table
from projections.registry import TABLES


@dataclass(frozen=True, slots=True)
class TableDigest:
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Digest:
    """``positions``: the sequence of each partition that the digests are true at. ``overall`` is over all tables."""

    positions: Mapping[str, int]
    tables: Mapping[str, TableDigest]

    @property
    def overall(self) -> str:
        lines = [f"{name} {table.rows} {table.digest}\n" for name, table in sorted(self.tables.items())]
        return sha256("".join(lines).encode()).hexdigest()


_POSITIONS = "SELECT partition, sequence FROM ledger.positions ORDER BY partition"
_COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'ledger' AND table_name = %s ORDER BY 1"
# Two halves of 64 bits, each summed as numeric: no overflow, no order.
_SUM = """
SELECT count(*),
    coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0),
    coalesce(sum(('x' || right(h, 16))::bit(64)::bigint::numeric), 0)
FROM (SELECT md5(jsonb_build_array({columns})::text) AS h FROM {table}) AS hashes
"""


def digest(dsn: str) -> Digest:
    """Digest all read models; ``dsn`` is the projector role's, which sees every tenant's rows."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("SET LOCAL TimeZone = 'UTC'")  # an instant's text depends on it
        positions: list[tuple[str, int]] = connection.execute(_POSITIONS).fetchall()
        return Digest(
            dict(positions),
            {name: _table(connection, table) for name, table in TABLES.items()},
        )


def _table(connection: psycopg.Connection, table: Table) -> TableDigest:
    columns = [name for (name,) in connection.execute(_COLUMNS, [table.name]) if name not in table.undigested]
    query = sql.SQL(_SUM).format(
        columns=sql.SQL(", ").join(sql.Identifier(column) for column in columns), table=sql.Identifier("ledger", table.name)
    )
    row = connection.execute(query).fetchone()
    assert row is not None
    count, high, low = row
    return TableDigest(count, f"{int(high) % 2**64:016x}{int(low) % 2**64:016x}")
