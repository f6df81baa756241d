"""Run the import as its command does, against a running ledger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.importing.importer import run_import
from infra.importing.report import ImportReport
from infra.ledger_client import LedgerClient, Reply
from tests.e2e.running import Running

TELCO = Path(__file__).parents[2] / "docs" / "how-to" / "telco.toml"
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
