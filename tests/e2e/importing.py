"""Run the import as its command does, against a running ledger."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from infra.importing.amounts import parse_amount
from infra.importing.importer import run_import
from infra.importing.report import ImportReport
from infra.ledger_client import LedgerClient, Reply
from tests.e2e.running import Running

TELCO = Path(__file__).parents[2] / "docs" / "how-to" / "telco.toml"
# The telecom company's file, where it is.
REAL = Path(__file__).parents[3] / "shared" / "data" / "telco" / "Telco-Customer-Churn.csv"
T = datetime(2026, 1, 1, tzinfo=UTC)


def import_file(
    running: Running,
    key: str,
    path: Path,
    *,
    mapping: Path = TELCO,
    as_of: datetime = T,
    bill_history: bool = True,
    steps: list[tuple[int, int]] | None = None,
    **client: Any,
) -> ImportReport:
    """Import ``path`` with a tenant's key; ``steps`` takes down what progress was told."""
    told = [] if steps is None else steps

    async def run() -> ImportReport:
        async with LedgerClient(running.url, key, **client) as ledger:
            return await run_import(
                ledger,
                path,
                mapping,
                as_of=as_of,
                bill_history=bill_history,
                progress=lambda done, total: told.append((done, total)),
            )

    return asyncio.run(run())


def position(running: Running, key: str) -> str:
    """Where all partitions stand once an import is through: its clock, advanced to where it stands, tells."""
    return post(running, key, "/v1/test-clocks/telco/advance", {"now": T.isoformat()}, "where").position


def post(running: Running, key: str, path: str, body: dict[str, Any], idempotency_key: str) -> Reply:
    async def run() -> Reply:
        async with LedgerClient(running.url, key) as ledger:
            return await ledger.post(path, body, idempotency_key)

    return asyncio.run(run())


def get(running: Running, key: str, path: str, params: dict[str, str] | None = None, at: str = "") -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with LedgerClient(running.url, key) as ledger:
            return dict((await ledger.get(path, params, min_position=at)).body)

    return asyncio.run(run())


_BILLED = """
SELECT external_id, coalesce(sum(total), 0)::bigint, count(i.id), coalesce(sum(open), 0)::bigint, max(i.issued_at) < %(at)s,
    s.period_end = %(at)s, s.state, (
        SELECT count(*) FROM ledger.granted_entitlements g JOIN ledger.subscription_access a USING (tenant, subscription)
        WHERE (g.tenant, g.customer) = (c.tenant, c.id) AND access AND (access_until IS NULL OR access_until > %(at)s)
    )
FROM ledger.customers c JOIN ledger.subscriptions s ON (s.tenant, s.customer) = (c.tenant, c.id)
    LEFT JOIN ledger.invoices i ON (i.tenant, i.customer) = (c.tenant, c.id)
WHERE c.tenant = %(tenant)s GROUP BY c.tenant, c.id, s.id, external_id, s.period_end, s.state, s.tenant
"""


def assert_each_as_the_file_says(dsn: str, tenant: str, path: Path) -> None:
    """Every customer of a file in the telecom company's shape: billed tenure times the charge, to the cent, and all settled, the
    last period ending where the import does; who left is cancelled and has no entitlement, who stayed has one.
    """
    with psycopg.connect(dsn) as connection:
        found = {row[0]: row[1:] for row in connection.execute(_BILLED.encode(), {"tenant": tenant, "at": T})}
    with path.open(newline="") as file:
        subscribers = list(csv.DictReader(file))
    assert len(found) == len(subscribers)
    for subscriber in subscribers:
        tenure, left = int(subscriber["tenure"]), subscriber["Churn"] == "Yes"
        billed = tenure * parse_amount(subscriber["MonthlyCharges"], "USD").amount
        times = (True, True) if tenure else (None, None)
        expected = (billed, tenure, 0, *times, "cancelled" if left else "active", 0 if left else 1)
        assert found[subscriber["customerID"]] == expected, subscriber
