"""Commands on the log: export, load, verify, rebuild, topics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from domain.registry import decode
from infra.bootstrap import open_log, open_postgres, open_vault
from infra.cli.parts import Json, settings_for
from infra.eventlog import topics, topics_check
from infra.eventlog.log import Log
from infra.eventlog.rebuild import rebuild_indexes
from infra.eventlog.transfer import export, load
from infra.eventlog.verify import Report, verify, verify_export
from infra.eventlog.walk import walk
from infra.expected import CliError
from infra.logging import configure_logging
from infra.node.streams import derive
from infra.postgres.digest import digest
from infra.postgres.projector import rebuild
from infra.postgres.roles import projector_dsn
from infra.runtime import tune
from infra.settings import LIVE, Settings, variable
from infra.terminal import console, counting, print_json

rebuild_app = typer.Typer(help="Build a cache or the read models anew from the log.", no_args_is_help=True)
topics_app = typer.Typer(help="Kafka's topics of this environment.", no_args_is_help=True)

Keys = Annotated[Path | None, typer.Option("--keys", help="Also the wrapped data keys, in this file of their own.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("export")(export_log)
    app.command("load")(load_export)
    app.command("verify")(verify_log)
    app.add_typer(rebuild_app, name="rebuild")
    app.add_typer(topics_app, name="topics")


def export_log(
    file: Annotated[Path, typer.Argument(help="Parquet where it ends in .parquet, else NDJSON.")],
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Write the whole log, claims included, to a file."""
    with open_log(settings_for((), quiet=True), must_exist=True) as log, counting("records") as progress:
        manifest = export(log, file, progress, keys=keys)
    records = sum(manifest.counts.values())
    if json:
        print_json(
            {"file": str(file), "environment": manifest.environment, "records": records, "partitions": dict(manifest.counts)}
        )
    else:
        console.print(f"{records:,} records of {len(manifest.counts)} partitions in {file}")


def load_export(
    file: Annotated[Path, typer.Argument(help="An export, NDJSON or Parquet.", exists=True)],
    keys: Keys = None,
    json: Json = False,
) -> None:
    """Load an export into this environment's log. The log must be empty; every hash stays as it is."""
    with open_log(settings_for((), quiet=True)) as log, counting("records") as progress:
        manifest = load(log, file, progress, keys=keys)
    records = sum(manifest.counts.values())
    if json:
        print_json({"file": str(file), "records": records, "partitions": dict(manifest.counts)})
    else:
        console.print(f"{records:,} records loaded from {file}")


def verify_log(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify instead of this environment's log.", exists=True)
    ] = None,
    json: Json = False,
) -> None:
    """Check that a log is whole and unchanged.

    Walks it from its start: sequence, term, stream versions and hash chain fit, and every event decodes. Exits 1 where not.
    """
    with counting("records") as progress:
        if file is not None:
            report = verify_export(file, _decodes, progress)
        else:
            with open_log(settings_for((), quiet=True), must_exist=True) as log:
                report = verify(walk(log), _decodes, progress)
    if json:
        print_json({"ok": report.ok, "partitions": {n: asdict(p) for n, p in report.partitions.items()},
                    "findings": [asdict(finding) for finding in report.findings]})  # fmt: skip
    else:
        _print_report(report)
    if not report.ok:
        raise typer.Exit(1)


def _decodes(name: str, value: bytes) -> None:
    decode("", 1, name, value)


def _print_report(report: Report) -> None:
    table = Table("partition", "events", "claims", "quarantined", "term", "last sequence", "chain")
    for name, found in report.partitions.items():
        state = found.state
        counts = (found.events, found.claims, found.quarantined, state.term, state.sequence)
        table.add_row(name, *(f"{count:,}" for count in counts), state.chain[:16])
    console.print(table)
    if report.ok:
        console.print(f"{report.records:,} records: nothing changed, nothing missing")
        return
    first = report.findings[0]
    where = f"partition {first.partition}, offset {first.offset}, sequence {first.sequence or '-'}, {first.id or '-'}"
    console.print(
        f"first bad record: {where}: {first.reason} ({len(report.findings)} in all)",
        style="red", markup=False, soft_wrap=True,
    )  # fmt: skip


@rebuild_app.command("index")
def rebuild_index(json: Json = False) -> None:
    """Delete this node's indexes and build them from the log. The command process must not be running."""
    settings = settings_for((), quiet=True)
    with counting("events") as progress:
        built = rebuild_indexes(partial(_opened, settings), settings.state / "index", derive, progress)
    if json:
        print_json(built)
    else:
        console.print(f"{sum(built.values()):,} events in {len(built)} indexes")


@contextmanager
def _opened(settings: Settings) -> Iterator[Log]:
    """The log, in whatever process: logging is each one's own."""
    configure_logging("warning", settings.log_format)
    with open_log(settings, must_exist=True) as log:
        yield log


@rebuild_app.command("projections")
def rebuild_projections(json: Json = False) -> None:
    """Empty the read models and build them from the log. Prints their digest. A running projector stops."""
    settings = settings_for(("secret", "master_key"), quiet=True)
    with open_log(settings, must_exist=True) as log, open_vault(settings, log) as vault, open_postgres(settings) as admin:
        dsn = projector_dsn(admin, settings.secret_bytes)
        tune()
        with counting("events") as progress:
            rebuild(log, dsn, vault, progress)
        found = digest(dsn)
    if json:
        print_json(
            {
                "digest": found.overall,
                "positions": dict(found.positions),
                "tables": {n: asdict(t) for n, t in found.tables.items()},
            }
        )
        return
    table = Table("table", "rows", "digest")
    for name, each in found.tables.items():
        table.add_row(name, f"{each.rows:,}", each.digest[:16])
    console.print(table)
    console.print(f"digest {found.overall}")


def _kafka(settings: Settings) -> dict[str, str]:
    if settings.is_embedded:
        raise CliError(f"topics are Kafka's: set {variable('kafka_bootstrap')}")
    return settings.kafka


@topics_app.command("create")
def topics_create() -> None:
    """Create what is missing of the topics. They get the settings that keep everything; what exists stays as it is."""
    settings = settings_for((), quiet=True)
    topics.create(_kafka(settings), settings.environment, settings.partitions, settings.replication_factor, settings.min_insync)
    with open_log(settings) as log:
        number = len(log.partitions) - 1
    console.print(f"the topics of {settings.environment!r} are there, with {number} partitions for life")
    console.print("subledger topics check tells whether they are safe")


@topics_app.command("check")
def topics_check_(json: Json = False) -> None:
    """Check everything that could lose data or make a takeover slow. Exits 1 for an error."""
    settings = settings_for((), quiet=True)
    findings = topics_check.check(_kafka(settings), settings.environment, live=settings.environment == LIVE)
    if json:
        print_json([asdict(finding) for finding in findings])
    elif findings:
        table = Table("level", "topic", "setting", "found", "wanted")
        for finding in findings:
            table.add_row(finding.level, finding.topic, finding.setting, finding.found, finding.wanted)
        console.print(table)
    else:
        console.print("everything is as it should be")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)
