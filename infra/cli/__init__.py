"""The command line: each command a thin shell around a function that is tested by itself.

A wrong setting or input gives one plain line on standard error and exit code 2; a check that found something, exit code 1.
"""

from __future__ import annotations

import sys

import typer

from infra.cli import books, cluster, data, explain, log, processes, simulate, tail
from infra.expected import EXPECTED, one_line
from infra.terminal import errors

app = typer.Typer(
    name="subledger",
    help="An event-sourced ledger of subscriptions. Settings come from SUBLEDGER_… variables: see docs/settings.md.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for part in (processes, cluster, data, explain, log, books, tail, simulate):
    part.add_to(app)


def main() -> None:
    """The entry point."""
    try:
        app()
    except EXPECTED as error:
        errors.print(f"subledger: {one_line(error)}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
