"""What must be true of a ledger at rest, whatever was done to its processes before."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import psycopg

from infra.importing.report import Totals
from infra.postgres.digest import TableDigest, digest
from infra.psp.book import read_book
from tests.e2e.importing import assert_each_as_the_file_says
from tests.e2e.running import Running
from tests.faults.deployment import Deployment
from tests.faults.plain_reader import find, partitions
from tests.faults.work import IMPORTING, Work

INDEXED = ("events", "commands", "streams", "customers", "timers")
_CAPTURED = """
SELECT currency, sum(amount)::bigint
FROM ledger.payment_attempts a JOIN ledger.payments p ON (p.tenant, p.id) = (a.tenant, a.payment)
WHERE a.provider IS NOT NULL AND a.state = 'captured' GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found where all is well: the control total, commands acknowledged and all that count, claims, and the read models'
    digests, which are those of a ledger to which nothing happened.
    """

    totals: Totals
    acknowledged: int
    commands: int
    claims: int
    tables: Mapping[str, TableDigest]


def check(deployment: Deployment, work: Work, file: Path) -> Verdict:
    """Raises AssertionError. Ends the command node and the projector."""
    running = deployment.running
    deployment.wait_ready()
    assert work.report.complete, work.report.as_json()
    found = find(partitions(running.settings), work.receipts)
    deployment.wait(lambda: _heads(running.dsn) == found.heads, "the projector does not come to the log's end")
    live = digest(running.dsn)
    assert_each_as_the_file_says(running.dsn, IMPORTING, file)
    _assert_the_providers_book_agrees(running)
    assert deployment.projector.terminate() == 0
    assert deployment.commands.terminate() == 0
    assert deployment.subledger("verify")["ok"]
    rebuilt = deployment.subledger("rebuild", "projections")
    assert rebuilt["tables"] == {name: asdict(table) for name, table in live.tables.items()}
    index = running.settings.state / "index"
    kept = _index_digests(index)
    deployment.subledger("rebuild", "index")
    assert _index_digests(index) == kept
    return Verdict(work.report.ledger, len(work.receipts), found.commands, found.claims, live.tables)


def _heads(dsn: str) -> dict[str, int]:
    """The last sequence of each partition that the read models show."""
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute("SELECT partition, sequence FROM ledger.positions WHERE sequence > 0").fetchall())


def _assert_the_providers_book_agrees(running: Running) -> None:
    """What the provider took is what the ledger says was captured; no key was used for two charges."""
    book = read_book(running.settings.simulator_book_path)
    with psycopg.connect(running.dsn) as connection:
        captured: dict[str, int] = dict(connection.execute(_CAPTURED).fetchall())
    assert captured == book.captured
    assert not any(charge.mismatches for charge in book.charges)


def _index_digests(folder: Path) -> dict[str, str]:
    """By table of each partition's index, over its rows."""
    digests = {}
    for path in sorted(folder.glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            for table in INDEXED:
                content = sha256()
                for row in sorted(map(repr, connection.execute(f"SELECT * FROM {table}"))):
                    content.update(row.encode())
                digests[f"{path.stem}.{table}"] = content.hexdigest()
    return digests
