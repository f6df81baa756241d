"""The projector: events a second into all read models ÷ COPY of the rows that they come to.

It is given a log that is there already, from its start to its end, into tables that were emptied. COPY has nothing to judge, to
decode or to update: it writes the same rows, once each, to tables with the same columns and indexes, in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import psycopg

from bench.harness.command import Json, LogName, Rounds, Rows, main, on_each_log
from bench.harness.deployment import deployed
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.watching import watched
from bench.importing import import_subscribers
from infra.bootstrap import open_vault
from infra.eventlog.log import Log
from infra.postgres.embedded import embedded_postgres
from infra.postgres.migrate import migrate
from infra.postgres.projector import rebuild
from infra.postgres.roles import projector_dsn
from infra.runtime import tune
from infra.vault import Vault
from projections.registry import TABLES

EVENTS_PER_SECOND = 15_000


def projector(rows: Rows = 1000, rounds: Rounds = 3, log: LogName = LogName.KAFKA, json: Json = False) -> None:
    """Events a second into all read models ÷ COPY of the same rows."""
    tune()  # as the projector's own process does
    lines = on_each_log(log, partial(_on_log, rows=rows, rounds=rounds))
    notes = (
        f"The log holds an import of {rows:,} subscribers with all their history: customers, subscriptions, invoices, payments.",
        "The projector reads, verifies and decodes each event and writes what it comes to, with its position, in batches. Log,"
        " projector and Postgres share the machine.",
        "The ceiling counts events, too: those that the copied rows stand for.",
    )
    show(Result("projector", "The projector ÷ COPY of the same rows", lines, notes), json)


@dataclass(frozen=True, slots=True)
class _Round:
    """Seconds that each took, and the processor time of the projector."""

    projected_s: float
    cpu_s: float
    copied_s: float


def _on_log(name: LogName, bootstrap: str | None, folder: Path, rows: int, rounds: int) -> Iterator[Line]:
    with (
        deployed(folder, bootstrap) as ledger,
        watched(ledger) as log,
        open_vault(ledger.settings, log) as vault,
        embedded_postgres(folder / "postgres") as admin,
    ):
        import_subscribers(ledger, folder, rows)
        migrate(admin)
        told(f"{name}: projecting")
        events = _project(log, admin, vault)  # not counted: the first round of all finds nothing in memory
        copied = _rows(admin)
        measured = []
        for number in range(rounds):
            told(f"{name}: round {number + 1} of {rounds}")
            measured.append(_round(log, admin, vault, copied))
    projected, ceiling = (events / median(taken) for taken in zip(*((r.projected_s, r.copied_s) for r in measured), strict=True))
    yield Line(
        f"{name}: {events:,} events into all read models", projected, "events/s", ceiling,
        Target("figure", "≥", EVENTS_PER_SECOND),
    )  # fmt: skip
    yield Line(f"{name}: processor time of the projector", 1e6 * median(r.cpu_s for r in measured) / events, "µs an event")


def _round(log: Log, admin: str, vault: Vault, copied: Mapping[str, bytes]) -> _Round:
    begun, cpu = time.perf_counter(), time.process_time()
    _project(log, admin, vault)
    projected_s, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    return _Round(projected_s, cpu_s, _copy(admin, copied))


def _project(log: Log, admin: str, vault: Vault) -> int:
    """All of the log into emptied tables; how many events there were."""
    batches: list[int] = []
    rebuild(log, projector_dsn(admin), vault, batches.append)
    return sum(batches)


def _rows(admin: str) -> dict[str, bytes]:
    """Every read model's rows as COPY writes them, and beside each table an empty one that is like it."""
    with psycopg.connect(admin) as connection:
        connection.execute("CREATE SCHEMA copied")
        for name in TABLES:
            connection.execute(f"CREATE TABLE copied.{name} (LIKE ledger.{name} INCLUDING ALL)".encode())
        found = {}
        for name in TABLES:
            with connection.cursor().copy(f"COPY ledger.{name} TO STDOUT".encode()) as copy:
                found[name] = b"".join(copy)
    return found


def _copy(admin: str, copied: Mapping[str, bytes]) -> float:
    """Seconds that it takes to copy the rows."""
    with psycopg.connect(admin) as connection:
        connection.execute(f"TRUNCATE {', '.join(f'copied.{name}' for name in copied)}".encode())
        connection.commit()
        begun = time.perf_counter()
        for name, rows in copied.items():
            with connection.cursor().copy(f"COPY copied.{name} FROM STDIN".encode()) as copy:
                copy.write(rows)
        connection.commit()
        return time.perf_counter() - begun


if __name__ == "__main__":
    main(projector)
