"""Commands that bring data in: import."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from infra.cli.parts import ApiKey, Json, Url, needed
from infra.expected import CliError
from infra.importing.importer import run_import
from infra.importing.report import ImportReport, refused_path
from infra.ledger_client import LedgerClient
from infra.terminal import console, money, print_json, tracking


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)],
    mapping: Annotated[
        Path, typer.Option("--mapping", help="What the columns mean, as TOML: see docs/how-to/import.md.", exists=True)
    ],
    as_of: Annotated[str, typer.Option("--as-of", help="RFC 3339 instant, such as 2026-01-01T00:00:00Z.")],
    bill_history: Annotated[
        bool, typer.Option("--bill-history", help="Start in the past; bill and settle every period that begins before --as-of.")
    ] = False,
    url: Url = "http://127.0.0.1:8000",
    api_key: ApiKey = "",
    json: Json = False,
) -> None:
    """Bring existing subscribers from a CSV into the ledger. It sends the same commands as anybody.

    The key has to permit writing and backdating. Run it again after an interruption: what was done is not done twice. Refused
    rows go to a file beside FILE. Exits 1 where a row was refused or the control total differs.
    """
    needed(api_key)
    try:
        instant = datetime.fromisoformat(as_of)
    except ValueError:
        raise CliError(f"--as-of: {as_of!r} is not an instant, such as 2026-01-01T00:00:00Z") from None
    report = asyncio.run(_import(url, api_key, file, mapping, instant, bill_history))
    if json:
        print_json(report.as_json())
    else:
        _print(report, file)
    if not report.complete:
        raise typer.Exit(1)


async def _import(url: str, api_key: str, file: Path, mapping: Path, as_of: datetime, bill_history: bool) -> ImportReport:
    async with LedgerClient(url, api_key) as client:
        with tracking("rows") as progress:
            return await run_import(client, file, mapping, as_of=as_of, bill_history=bill_history, progress=progress)


def _print(report: ImportReport, file: Path) -> None:
    table = Table("", "the file says", "the ledger answered")
    expected, found = report.expected, report.ledger
    for name in ("customers", "subscriptions", "cancelled", "invoices"):
        table.add_row(name, f"{getattr(expected, name):,}", f"{getattr(found, name):,}")
    for currency in sorted(expected.billed | found.billed):
        table.add_row(f"billed {currency}", money(expected.billed[currency], currency), money(found.billed[currency], currency))
    console.print(table)
    for each in report.comparisons:
        ratio = "" if each.ratio is None else f", {each.ratio:.5f} of it"
        console.print(
            f"column {each.column}: {money(each.total, each.currency)} {each.currency} in {each.rows:,} rows;"
            f" billed {money(each.billed, each.currency)}{ratio}"
        )
    if report.refused:
        console.print(f"{len(report.refused):,} rows refused: see {refused_path(file)}", style="red", markup=False)
    verdict = "the control total agrees" if report.agrees else "THE CONTROL TOTAL DIFFERS"
    console.print(f"{verdict}; {report.commands:,} commands, {report.replayed:,} done before, {report.seconds:.1f} s")
