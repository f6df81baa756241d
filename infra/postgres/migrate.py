"""Ordered migrations: plain SQL files, applied once each and recorded by name and checksum.

First the base, then each projection's ``schema*.sql`` in the order of the registry. What was applied is never edited: a change
of a read model is a further file (``schema_2.sql``). All that is pending is applied in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
from psycopg import sql

from infra.postgres import roles
from projections.registry import PROJECTIONS

_LOCK = 0x5B1ED6E2  # any number that nobody else locks
_BASE = Path(__file__).parent / "migrations"


class MigrationChanged(RuntimeError):
    """A migration that was applied has another text now."""


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def migrations() -> Iterator[Migration]:
    """All migrations in their order."""
    for path in sorted(_BASE.glob("*.sql")):
        yield Migration(f"base/{path.name}", path.read_text())
    for projection in PROJECTIONS:
        for path in sorted(projection.folder.glob("schema*.sql")):
            yield Migration(f"{projection.name}/{path.name}", path.read_text())


def migrate(admin_dsn: str, secret: bytes | None = None) -> list[str]:
    """Bring a database up to date; gives the names of what was applied. Safe to run from many processes at once.

    ``admin_dsn`` is of a role that may create roles and schemas. Raises MigrationChanged.
    """
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        roles.ensure(connection, secret)
        _prepare(connection)
        applied: dict[str, str] = dict(connection.execute("SELECT name, checksum FROM ledger.migrations").fetchall())
        return [migration.name for migration in migrations() if _apply(connection, migration, applied.get(migration.name))]


def _prepare(connection: psycopg.Connection) -> None:
    owner = sql.Identifier(roles.OWNER)
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION {}").format(owner))
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(owner))
    for role in (roles.PROJECTOR, roles.QUERY):
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA ledger TO {}").format(sql.Identifier(role)))
    connection.execute(
        "CREATE TABLE IF NOT EXISTS ledger.migrations"
        " (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    connection.execute(sql.SQL("GRANT SELECT ON ledger.migrations TO {}").format(sql.Identifier(roles.QUERY)))


def _apply(connection: psycopg.Connection, migration: Migration, applied: str | None) -> bool:
    if applied is not None:
        if applied != migration.checksum:
            raise MigrationChanged(f"{migration.name} was applied with another text; write a further migration instead")
        return False
    connection.execute(migration.text.encode())
    connection.execute("INSERT INTO ledger.migrations (name, checksum) VALUES (%s, %s)", (migration.name, migration.checksum))
    return True
