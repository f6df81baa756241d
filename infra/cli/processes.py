"""Commands that serve: run, commands, queries, project."""

from __future__ import annotations

import typer

from infra.cli.parts import settings_for
from infra.embedded import run_everything
from infra.serve import run_process, serve_commands, serve_projector, serve_queries


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("run")(run)
    app.command("commands")(commands)
    app.command("queries")(queries)
    app.command("project")(project)


def run() -> None:
    """Run everything on this machine, until Ctrl-C. In a sandbox with a demo tenant.

    The log is an SQLite file, or Kafka where SUBLEDGER_KAFKA_BOOTSTRAP is set; Postgres is our own, or that of
    SUBLEDGER_POSTGRES_DSN.
    """
    run_everything(settings_for(quiet=True))


def commands() -> None:
    """Serve the command API."""
    run_process(serve_commands, settings_for())


def queries() -> None:
    """Serve the query API. It reads the rows in SUBLEDGER_POSTGRES_DSN."""
    run_process(serve_queries, settings_for(("secret", "admin_key")))


def project() -> None:
    """Migrate the read models' database, then follow the log into it."""
    run_process(serve_projector, settings_for(("secret", "master_key")))
