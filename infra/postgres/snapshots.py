"""Snapshots of the read models for the query API: a pool of the query role's connections, one short transaction a question.

Each transaction is REPEATABLE READ and read-only, sets its tenant for row-level security and reads the positions first: rows and
positions are of one moment. The server ends a statement that runs too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import orjson
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from infra.counts import Histogram
from infra.postgres.migrate import migrations
from queries.ports import ReadModelsUnavailable, Row

STATEMENT_TIMEOUT_S = 5
# The server's own limit comes first, unless the server answers nothing at all.
QUESTION_LIMIT_S = STATEMENT_TIMEOUT_S + 1.0
CONNECTION_WAIT_S = 2.0
CONNECTIONS_MAX = 8
# A reconnection that failed this long is given up; the next question starts another at once, instead of a back-off grown long.
RECONNECT_S = 3.0

_BEGIN = """
SELECT partition, sequence FROM ledger.positions,
    (SELECT set_config('subledger.tenant', %s, true) OFFSET 0) AS tenant (set)
"""
# Of the partition that is furthest behind; null where there is one of which nothing is known yet.
_LAG = """
SELECT extract(epoch FROM now() - min(caught_up_at))::float8 AS lag_s FROM ledger.heartbeat
WHERE NOT EXISTS (SELECT FROM ledger.positions WHERE partition NOT IN (SELECT partition FROM ledger.heartbeat))
"""


class Connection(psycopg.AsyncConnection[DictRow]):
    """A connection of the query role's."""

    async def cancel_safe(self, *, timeout: float = 0.0) -> None:  # noqa: ARG002  psycopg's own would wait as long for an answer
        """Called where a question is given up: a server that did not answer it is not asked to cancel it, but left."""
        await self.close()


class PostgresSnapshot:
    """One open transaction."""

    def __init__(self, connection: Connection, positions: Mapping[str, int]) -> None:
        self._connection = connection
        self._positions = positions

    @property
    def positions(self) -> Mapping[str, int]:
        return self._positions

    async def all(self, sql: str, **parameters: object) -> list[Row]:
        return list(await _rows(self._connection, sql, parameters))

    async def one(self, sql: str, **parameters: object) -> Row | None:
        rows = await _rows(self._connection, sql, parameters)
        return rows[0] if rows else None


class PostgresReadModels:
    """The read models in Postgres; ``dsn`` is the query role's. Open it inside the event loop that uses it."""

    def __init__(self, dsn: str) -> None:
        settings = make_conninfo(dsn, options=f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c timezone=UTC", connect_timeout=2)
        self._pool = AsyncConnectionPool(
            settings,
            connection_class=Connection,
            kwargs={"row_factory": dict_row},
            configure=_configure,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECTION_WAIT_S,
            reconnect_timeout=RECONNECT_S,
            open=False,
        )
        self.seconds = Histogram()  # that a question had its connection

    def pool_stats(self) -> Mapping[str, int]:
        """What the pool counts, by psycopg's names."""
        return self._pool.get_stats()

    async def open(self) -> None:
        """Begin to connect; a Postgres that is away now may come later."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def snapshot(self, tenant: str) -> AsyncIterator[PostgresSnapshot]:
        async with self._connection() as connection:
            rows = await _rows(connection, _BEGIN, [tenant])
            yield PostgresSnapshot(connection, {row["partition"]: row["sequence"] for row in rows})

    async def rows(self, tenant: str, sql: str, **parameters: object) -> tuple[list[Row], Mapping[str, int]]:
        async with self._connection() as connection:
            async with connection.pipeline():  # the transaction in one round trip, with its beginning and its end
                begun = await connection.execute(_BEGIN.encode(), [tenant])
                found = await connection.execute(sql.encode(), parameters)
                await connection.commit()
            return list(await found.fetchall()), {row["partition"]: row["sequence"] for row in await begun.fetchall()}

    async def positions(self) -> Mapping[str, int]:
        async with self._connection() as connection:
            rows = await _rows(connection, "SELECT partition, sequence FROM ledger.positions", [])
            return {row["partition"]: row["sequence"] for row in rows}

    async def lag_s(self) -> float | None:
        async with self._connection() as connection:
            rows = await _rows(connection, _LAG, [])
            lag_s = rows[0]["lag_s"]
            return None if lag_s is None else max(0.0, lag_s)

    async def pending_migrations(self) -> list[str]:
        """Names of what this version needs and the database has not."""
        async with self._connection() as connection:
            rows = await _rows(connection, "SELECT name FROM ledger.migrations", [])
        return sorted({migration.name for migration in migrations()} - {row["name"] for row in rows})

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with asyncio.timeout(QUESTION_LIMIT_S), self._pool.connection() as connection:
                begun = perf_counter()
                yield connection
                self.seconds.observe(perf_counter() - begun)
        except TimeoutError as error:
            raise ReadModelsUnavailable(f"no answer within {QUESTION_LIMIT_S} s") from error
        except (psycopg.OperationalError, PoolTimeout, PoolClosed) as error:
            raise ReadModelsUnavailable(str(error).strip()) from error
        except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
            raise ReadModelsUnavailable("the database is not migrated") from error


async def _configure(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)  # a value stands in every row of what customers hold
    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
    await connection.set_read_only(True)


async def _rows(connection: Connection, sql: str, parameters: Any) -> list[DictRow]:
    cursor = await connection.execute(sql.encode(), parameters)
    return await cursor.fetchall()
