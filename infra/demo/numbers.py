"""A tenant in numbers, from the read models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel


@dataclass(frozen=True, slots=True)
class Numbers:
    """``subscriptions`` by state; ``billed`` and ``paid`` (towards invoices) in minor units by currency."""

    customers: int
    subscriptions: Mapping[str, int]
    invoices: int
    billed: Mapping[str, int]
    paid: Mapping[str, int]
    events: int


_SUBSCRIPTIONS = "SELECT state, count(*) FROM ledger.subscriptions WHERE tenant = %s GROUP BY state ORDER BY state"
_INVOICES = """
SELECT currency, count(*), sum(total)::bigint, sum(total - open)::bigint
FROM ledger.invoices WHERE tenant = %s GROUP BY currency ORDER BY currency
"""


def read_numbers(dsn: str, tenant: str) -> Numbers:
    """The numbers at one moment; ``dsn`` is of a role that sees the tenant's rows, such as the projector's."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        customers = _count(connection, "SELECT count(*) FROM ledger.customers WHERE tenant = %s", tenant)
        events = _count(connection, "SELECT count(*) FROM ledger.history WHERE tenant = %s", tenant)
        states: list[tuple[str, int]] = connection.execute(_SUBSCRIPTIONS, [tenant]).fetchall()
        invoices: list[tuple[str, int, int, int]] = connection.execute(_INVOICES, [tenant]).fetchall()
    return Numbers(
        customers=customers,
        subscriptions=dict(states),
        invoices=sum(count for _, count, _, _ in invoices),
        billed={currency: total for currency, _, total, _ in invoices},
        paid={currency: paid for currency, _, _, paid in invoices},
        events=events,
    )


def _count(connection: psycopg.Connection, query: str, tenant: str) -> int:
    row = connection.execute(query.encode(), [tenant]).fetchone()
    assert row is not None
    return int(row[0])
