"""What must be true of a ledger after a round, when all is healed and the clients have their answers.

The history that is left in the round's folder is judged by `tests.checker`; once more: ``python -m tests.checker FOLDER``.
"""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from infra.postgres.digest import Digest, digest
from tests.checker import check, files, logs
from tests.checker.history import History, ReaderState
from tests.e2e.running import Running
from tests.faults.cluster.nodes import Ledger, Node
from tests.faults.deployment import process_environment

RECOVERY_LIMIT_S = 300.0  # of a machine with much else to do; a minute suffices on one without
SHOWN_MAX = 5


def await_recovery(ledger: Ledger) -> None:
    """Until every node serves what is its own, and every projector projects. Raises TimeoutError."""
    await_all(ledger, ledger.unready, "are not ready")


def await_all(ledger: Ledger, missing: Callable[[], object], otherwise: str) -> None:
    """Until nothing is ``missing``; what ends by itself meanwhile is started again. Raises TimeoutError."""
    end = time.monotonic() + RECOVERY_LIMIT_S
    while left := missing():
        ledger.keep()
        if time.monotonic() > end:
            raise TimeoutError(f"{left} {otherwise}, {RECOVERY_LIMIT_S:.0f} s after all was healed")
        time.sleep(0.25)


def judge(ledger: Ledger, folder: Path) -> Mapping[str, int]:
    """Raises AssertionError; else says how much was judged. Ends the ledger's processes."""
    running, settled_at = ledger.running, datetime.now(UTC).isoformat()
    await_all(ledger, lambda: _pending(running.dsn), "attempts to charge have no outcome")
    await_all(ledger, lambda: [node.host.name for node in ledger.nodes if _timers_late_s(node) > 0], "have timers that are due")
    for node in ledger.nodes:
        code = node.service.terminate()
        assert code == 0, f"{node.host.name} ended with exit code {code}"
    assert running.settings.kafka_bootstrap is not None
    records = logs.from_kafka(running.settings.kafka_bootstrap, running.settings.environment)
    ends = {name: partition[-1].offset + 1 for name, partition in records.items()}
    await_all(ledger, lambda: _behind(running.dsn, ends), "are not in the read models")
    await_all(ledger, ledger.unready_projectors, "are not ready")
    for projector in ledger.projectors:
        code = projector.terminate()
        assert code == 0, f"a projector ended with exit code {code}"
    verified = _subledger(running, "verify")
    assert verified["ok"], verified
    states = [*_projected(running.dsn), *(state for node in ledger.nodes for state in _indexed(node))]
    history = History(
        records=records,
        calls=files.load_calls(folder),
        secret=running.settings.secret_bytes,
        book=files.read_book(running.settings.simulator_book_path),
        states=states,
        digests={"live": _texts(digest(running.dsn)), "rebuilt": _texts(running.rebuilt_digest())},
        settled_at=settled_at,
    )
    files.save(history, folder)
    verdict = check.judge(history)
    shown = "; ".join(map(str, verdict.violations[:SHOWN_MAX]))
    assert verdict.ok, f"{len(verdict.violations)} violations: {shown}"
    return verdict.counts


def _behind(dsn: str, ends: Mapping[str, int]) -> dict[str, int]:
    """Where the read models are not at the log's end: how many offsets are missing."""
    shown = {state.partition: state.offset for state in _projected(dsn)}
    return {name: end - shown.get(name, 0) for name, end in ends.items() if shown.get(name, 0) < end}


def _projected(dsn: str) -> list[ReaderState]:
    """The projector's states."""
    with psycopg.connect(dsn) as connection:
        kept = connection.execute("SELECT partition, state FROM ledger.positions").fetchall()
    return [_state("projector", partition, text) for partition, text in kept]


def _indexed(node: Node) -> Iterator[ReaderState]:
    """The states of a node's indexes, those of former partitions of its too."""
    for path in sorted(node.index.glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            (text,) = connection.execute("SELECT value FROM meta WHERE name = 'state'").fetchone()
        yield _state(f"{node.host.name}'s index", path.stem, text)


def _state(holder: str, partition: str, text: str) -> ReaderState:
    kept = json.loads(text)
    return ReaderState(holder, partition, kept["offset"], kept["sequence"], kept["term"], kept["chain"])


def _texts(found: Digest) -> dict[str, str]:
    return {name: f"{table.rows} {table.digest}" for name, table in found.tables.items()}


def _pending(dsn: str) -> int:
    """Attempts to charge of which nothing has been heard, not even that nothing is known."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM ledger.payment_attempts WHERE state = 'pending'").fetchone()
    return int(row[0]) if row else 0


def _timers_late_s(node: Node) -> float:
    metrics = httpx.get(f"{node.running.url}/metrics", trust_env=False, timeout=10).text
    found = re.search(r"^subledger_timers_late_seconds (\S+)$", metrics, re.MULTILINE)
    assert found is not None
    return float(found[1])


def _subledger(running: Running, command: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", command, "--json"],
        env=process_environment(running),
        stdout=subprocess.PIPE,
        check=False,
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said
