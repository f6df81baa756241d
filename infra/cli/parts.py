"""What the commands of the command line share: settings, JSON for programs, a bar for people."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra.logging import configure_logging
from infra.settings import SECRETS, Settings, ensure_secrets, load_settings

console = Console()
errors = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]


class CliError(Exception):
    """Something that the user can mend; the message is one line."""


def settings_for(secrets: Iterable[str] = SECRETS, *, quiet: bool = False) -> Settings:
    """Settings with the secrets that a command needs; ``quiet``: only warnings are logged, for commands that people watch."""
    settings = ensure_secrets(load_settings(), secrets)
    configure_logging("warning" if quiet else settings.log_level, settings.log_format)
    return settings


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, on a terminal; the given function moves it on by so many."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
