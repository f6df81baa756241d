"""The command on the read models' books: reconcile."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from infra.bootstrap import read_postgres
from infra.cli.parts import Json, settings_for
from infra.postgres.books import reconcile
from infra.postgres.roles import projector_dsn
from infra.terminal import console, print_json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("reconcile")(reconcile_books)


def reconcile_books(json: Json = False) -> None:
    """Check that the read models' books agree: each invoice's lines, what settled it and what is open. Exits 1 where not.

    It reads; the ledger may go on meanwhile.
    """
    settings = settings_for(("secret",), quiet=True)
    with read_postgres(settings) as admin:
        books = reconcile(projector_dsn(admin, settings.secret_bytes))
    if json:
        print_json({"invoices": books.invoices, "disagreements": [asdict(each) for each in books.disagreements]})
    elif books.disagreements:
        table = Table("tenant", "invoice or customer", "amount", "found", "reckoned")
        for each in books.disagreements:
            table.add_row(each.tenant, each.id, each.what, f"{each.found:,}", f"{each.reckoned:,}")
        console.print(table)
    else:
        console.print(f"{books.invoices:,} invoices: every cent is accounted for")
    if books.disagreements:
        raise typer.Exit(1)
