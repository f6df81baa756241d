"""What must be true of a ledger after a round, when all is healed and the clients have their answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg

from infra.postgres.digest import digest
from infra.psp.book import read_book
from tests.e2e.running import Running
from tests.faults.acknowledged import Receipt, Receipts
from tests.faults.cluster.nodes import Ledger
from tests.faults.deployment import process_environment
from tests.faults.plain_reader import find, partitions

RECOVERY_LIMIT_S = 180.0
_CAPTURED = """
SELECT currency, sum(amount)::bigint
FROM ledger.payment_attempts a JOIN ledger.payments p ON (p.tenant, p.id) = (a.tenant, a.payment)
WHERE a.provider IS NOT NULL AND a.state = 'captured' GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the log holds: commands and claims that count."""

    commands: int
    claims: int


def await_recovery(ledger: Ledger) -> None:
    """Until every node serves what is its own. Raises TimeoutError."""
    await_all(ledger, lambda: [node.host.name for node in ledger.nodes if not node.ready()], "are not ready")


def await_all(ledger: Ledger, missing: Callable[[], object], otherwise: str) -> None:
    """Until nothing is ``missing``; what ends by itself meanwhile is started again. Raises TimeoutError."""
    end = time.monotonic() + RECOVERY_LIMIT_S
    while left := missing():
        ledger.keep()
        if time.monotonic() > end:
            raise TimeoutError(f"{left} {otherwise}, {RECOVERY_LIMIT_S:.0f} s after all was healed")
        time.sleep(0.1)


def judge(ledger: Ledger, calls: Path) -> Counts:
    """Raises AssertionError. Ends the ledger's processes; ``calls`` is the clients' history."""
    running = ledger.running
    await_all(ledger, lambda: _unlike_the_book(running), "are not what the provider has taken")
    for node in ledger.nodes:
        code = node.service.terminate()
        assert code == 0, f"{node.host.name} ended with exit code {code}"
    found = find(partitions(running.settings), receipts(calls))
    await_all(ledger, lambda: _behind(running.dsn, found.heads), "are not in the read models")
    for projector in ledger.projectors:
        code = projector.terminate()
        assert code == 0, f"a projector ended with exit code {code}"
    verified = _subledger(running, "verify")
    assert verified["ok"], verified
    live = digest(running.dsn)
    rebuilt = running.rebuilt_digest()
    assert rebuilt == live, f"the read models differ from a rebuild: {live} {rebuilt}"
    return Counts(found.commands, found.claims)


def receipts(calls: Path) -> Receipts:
    """What clients were told, by key."""
    told: Receipts = {}
    for line in calls.read_bytes().splitlines():
        call = orjson.loads(line)
        if call["key"] and call["status"] in (200, 201, 202):
            told.setdefault(call["key"], set()).add(Receipt(**call["answer"]["receipt"]))
    return told


def _behind(dsn: str, heads: dict[str, int]) -> dict[str, int]:
    """What the log holds and the read models do not show: its last sequences."""
    with psycopg.connect(dsn) as connection:
        shown: dict[str, int] = dict(connection.execute("SELECT partition, sequence FROM ledger.positions").fetchall())
    return {name: sequence for name, sequence in heads.items() if shown.get(name) != sequence}


def _unlike_the_book(running: Running) -> dict[str, int]:
    """What the ledger says was captured, where it is not what the provider took."""
    book = read_book(running.settings.simulator_book_path)
    assert not any(charge.mismatches for charge in book.charges)
    with psycopg.connect(running.dsn) as connection:
        captured: dict[str, int] = dict(connection.execute(_CAPTURED).fetchall())
    return {} if captured == book.captured else {"captured": sum(captured.values()), "taken": sum(book.captured.values())}


def _subledger(running: Running, command: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", command, "--json"],
        env=process_environment(running),
        stdout=subprocess.PIPE,
        check=False,
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said
