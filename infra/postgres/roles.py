"""The database roles: who owns the tables, who writes rows, who reads them. None is a superuser, none passes row-level security.

Roles are the cluster's, not the database's; they are made where they are missing and shared by the databases of a cluster.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

OWNER, PROJECTOR, QUERY = "subledger_owner", "subledger_projector", "subledger_query"

# Another database of the cluster may make the same role at the same moment; whoever comes second finds it made.
_CREATE = """
DO $$ BEGIN
    CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def ensure(connection: psycopg.Connection, secret: bytes | None) -> None:
    """Make the roles that are missing; with a secret, set the passwords derived from it."""
    for role, login in ((OWNER, "NOLOGIN"), (PROJECTOR, "LOGIN"), (QUERY, "LOGIN")):
        connection.execute(sql.SQL(_CREATE).format(role=sql.Identifier(role), login=sql.SQL(login)))
        if secret is not None and login == "LOGIN":
            change = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(change.format(sql.Identifier(role), sql.Literal(password(secret, role))))
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))


def password(secret: bytes, role: str) -> str:
    """The role's password: a keyed hash, so that every process with the secret knows it and nobody has to store it."""
    return hmac.new(secret, f"postgres:{role}".encode(), sha256).hexdigest()


def projector_dsn(admin_dsn: str, secret: bytes | None = None) -> str:
    """The same database as the projector's role; without a secret the server must trust it (embedded: a socket of our own)."""
    return _as(admin_dsn, PROJECTOR, secret)


def query_dsn(admin_dsn: str, secret: bytes | None = None) -> str:
    """The same database as the query app's role."""
    return _as(admin_dsn, QUERY, secret)


def _as(dsn: str, role: str, secret: bytes | None) -> str:
    parts = {**conninfo_to_dict(dsn), "user": role}
    parts.pop("password", None)
    if secret is not None:
        parts["password"] = password(secret, role)
    return make_conninfo("", **parts)
