"""The command line: each command a thin shell around a function that is tested by itself.

A wrong setting or input gives one plain line on standard error and exit code 2; a check that found something, exit code 1.
"""

from __future__ import annotations

import sys

import psycopg
import typer

from infra.cli import data, log, processes
from infra.cli.parts import CliError
from infra.eventlog.export_file import ExportBroken
from infra.eventlog.index import IndexUnusable
from infra.eventlog.log import LogUnavailable, LogUnusable
from infra.eventlog.reader import LogBroken
from infra.importing.errors import ImportFailed
from infra.ledger_client import LedgerUnreachable
from infra.postgres.embedded import EmbeddedPostgresError
from infra.settings import SettingsError
from infra.supervisor import ChildDied
from infra.terminal import errors
from infra.vault import VaultError

# What a user or operator can mend: told in one line.
EXPECTED = (
    CliError, SettingsError, LogUnusable, LogUnavailable, LogBroken, IndexUnusable, ExportBroken, EmbeddedPostgresError,
    ChildDied, VaultError, ImportFailed, LedgerUnreachable, psycopg.OperationalError, OSError, )  # fmt: skip

app = typer.Typer(
    name="subledger",
    help="An event-sourced ledger of subscriptions. Settings come from SUBLEDGER_… variables: see docs/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for part in (processes, data, log):
    part.add_to(app)


def main() -> None:
    """The entry point."""
    try:
        app()
    except EXPECTED as error:
        errors.print(
            f"subledger: {' '.join(str(error).split()) or type(error).__name__}", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
