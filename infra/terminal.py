"""What people see on a terminal (tables, colour, bars), and JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from domain.money import exponent

# A pipe has no width: what is written there is never cut.
console = Console(width=None if sys.stdout.isatty() else 240)
errors = Console(stderr=True)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def money(amount: int, currency: str) -> str:
    """Minor units as people write them: 1,605,509,145 in USD is 16,055,091.45."""
    digits = exponent(currency)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f}"


def progress_bar(console: Console) -> Progress:
    """A bar that goes away when the work is done, and that a pipe does not see."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that the given function moves on by so many."""
    with progress_bar(errors) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.advance(task, done)


@contextmanager
def tracking(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error that the given function sets to so many of so many."""
    with progress_bar(errors) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
