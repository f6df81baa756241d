"""Isolation by the database itself, and migrations that are applied once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from infra.eventlog.sqlite import SqliteLog
from infra.postgres import migrate as migrating
from infra.postgres.migrate import Migration, MigrationChanged, migrate, migrations
from infra.postgres.projector import project_to_end
from infra.postgres.roles import OWNER, PROJECTOR, QUERY, password, projector_dsn, query_dsn
from projections.registry import TABLES
from tests.read_models.story import PARTITIONS, FakeVault, Writer, tell

# What holds no tenant's data: where the projector stands, and what was migrated.
SHARED = {"positions", "heartbeat", "migrations"}


@pytest.fixture
def admin_dsn(postgres_dsn: str, tmp_path: Path) -> str:
    """A database with the story of two tenants."""
    migrate(postgres_dsn)
    log = SqliteLog(tmp_path / "log.sqlite", "sandbox", PARTITIONS)
    writer = Writer(log)
    writer.write(list(tell()))
    project_to_end(log, projector_dsn(postgres_dsn), FakeVault())
    writer.close()
    log.close()
    return postgres_dsn


def all_tables(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'ledger' ORDER BY 1").fetchall()
    return [name for (name,) in rows]


def visible(connection: psycopg.Connection, table: str) -> list[str]:
    rows = connection.execute(f"SELECT DISTINCT tenant FROM ledger.{table} ORDER BY 1".encode()).fetchall()
    return [tenant for (tenant,) in rows]


def test_a_tenant_sees_its_own_rows_alone_in_every_table(admin_dsn: str) -> None:
    tables = [name for name in all_tables(admin_dsn) if name not in SHARED]
    with psycopg.connect(query_dsn(admin_dsn)) as connection:
        connection.execute("SELECT set_config('subledger.tenant', 'acme', true)")
        seen = {name: visible(connection, name) for name in tables if name != "quarantine"}
    assert seen == {name: ["acme"] for name in TABLES}


def test_without_a_tenant_nothing_is_seen(admin_dsn: str) -> None:
    with psycopg.connect(query_dsn(admin_dsn), autocommit=True) as connection:
        assert all(visible(connection, name) == [] for name in TABLES)
        with connection.transaction():
            connection.execute("SELECT set_config('subledger.tenant', 'acme', true)")
            assert visible(connection, "customers") == ["acme"]
        assert all(visible(connection, name) == [] for name in TABLES), "the tenant outlived its transaction"


def test_the_owner_itself_sees_no_row(admin_dsn: str) -> None:
    with psycopg.connect(admin_dsn) as connection:
        connection.execute(f"SET LOCAL ROLE {OWNER}".encode())
        assert all(visible(connection, name) == [] for name in TABLES)


def test_every_table_with_a_tenant_is_forced_under_row_level_security(admin_dsn: str) -> None:
    with psycopg.connect(admin_dsn) as connection:
        rows = connection.execute(
            "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity, pg_get_userbyid(c.relowner)"
            " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant'"
            " WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r'"
        ).fetchall()
    assert {name for name, _, _ in rows} == set(TABLES)
    assert all(forced and owner == OWNER for _, forced, owner in rows)
    assert set(all_tables(admin_dsn)) == set(TABLES) | SHARED | {"quarantine"}


def test_no_role_passes_by_row_level_security(admin_dsn: str) -> None:
    with psycopg.connect(admin_dsn) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb, rolcanlogin FROM pg_roles"
            " WHERE rolname LIKE 'subledger%' ORDER BY 1"
        ).fetchall()
    assert rows == [(OWNER, False, False), (PROJECTOR, False, True), (QUERY, False, True)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.balances VALUES ('acme', 'cus_1', 'EUR', 1, 0)",
        "UPDATE ledger.balances SET surplus = 0",
        "TRUNCATE ledger.balances",
        "SELECT * FROM ledger.quarantine",
        "SET ROLE subledger_projector",
        "SET ROLE subledger_owner",
        "CREATE TABLE ledger.mine (a int)",
    ],
)
def test_the_query_role_only_reads(admin_dsn: str, statement: str) -> None:
    with psycopg.connect(query_dsn(admin_dsn)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_the_projector_role_cannot_delete_single_rows_nor_change_tables(admin_dsn: str) -> None:
    for statement in (
        "DELETE FROM ledger.history",
        "DROP TABLE ledger.history",
        "ALTER TABLE ledger.history DISABLE ROW LEVEL SECURITY",
    ):
        with psycopg.connect(projector_dsn(admin_dsn)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())


def test_migrations_are_applied_once_and_in_order(postgres_dsn: str) -> None:
    names = [migration.name for migration in migrations()]
    assert names[0] == "base/0001_base.sql"
    assert migrate(postgres_dsn) == names
    assert migrate(postgres_dsn) == []


def test_many_processes_may_migrate_at_once(postgres_dsn: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrate, [postgres_dsn] * 4))
    assert sorted(map(len, applied)) == [0, 0, 0, len(list(migrations()))]


def test_a_migration_whose_text_changed_is_refused(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(postgres_dsn)
    first = next(migrations())
    monkeypatch.setattr(migrating, "migrations", lambda: iter([Migration(first.name, first.text + "-- edited\n")]))
    with pytest.raises(MigrationChanged, match="base/0001_base"):
        migrate(postgres_dsn)


def test_a_migration_that_fails_leaves_nothing(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*migrations(), Migration("later/schema_3.sql", "CREATE TABLE ledger.half (a int); SELECT 1/0")]
    monkeypatch.setattr(migrating, "migrations", lambda: iter(broken))
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(postgres_dsn)
    assert all_tables(postgres_dsn) == []


def test_a_migration_whose_rows_only_the_log_can_give_begins_anew(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a database with rows, at a position
    migrate(postgres_dsn)
    with psycopg.connect(projector_dsn(postgres_dsn)) as connection:
        connection.execute("INSERT INTO ledger.balances VALUES ('acme', 'cus_1', 'EUR', 1, 0)")
        connection.execute("INSERT INTO ledger.positions VALUES ('0', 'log', 7, '{}')")
        connection.execute("INSERT INTO ledger.heartbeat VALUES ('0', now())")
    # when a later version needs them from the log
    later = [*migrations(), Migration("later/schema_3.sql", "SELECT ledger.begin_anew()")]
    monkeypatch.setattr(migrating, "migrations", lambda: iter(later))
    assert migrate(postgres_dsn) == ["later/schema_3.sql"]
    # then neither rows nor positions are left, and what is applied and since when they are stale is known
    with psycopg.connect(postgres_dsn) as connection:
        for table, rows in {"balances": 0, "positions": 0, "heartbeat": 1, "migrations": len(later)}.items():
            assert connection.execute(f"SELECT count(*) FROM ledger.{table}".encode()).fetchone() == (rows,), table


def test_passwords_follow_from_the_secret(postgres_dsn: str) -> None:
    assert password(b"one", QUERY) != password(b"two", QUERY)
    assert password(b"one", QUERY) != password(b"one", PROJECTOR)
    assert f"password={password(b'one', QUERY)}" in query_dsn(postgres_dsn, b"one")
    assert "password" not in query_dsn(f"{postgres_dsn} password=admins")
    migrate(postgres_dsn, b"one")
    with psycopg.connect(query_dsn(postgres_dsn, b"one")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (QUERY,)
