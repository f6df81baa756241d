"""The command that follows the events: tail."""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import orjson
import typer
from rich.text import Text

from infra.cli.parts import ApiKey, Url, needed
from infra.following import WAIT_S, CloudEvent, EventsMissing, follow
from infra.ledger_client import LedgerClient
from infra.terminal import console, errors
from projections.history.view import MASKED_FIELDS

# Until people are told that the ledger is away.
PATIENCE_S = 5.0
_COLOURS = {"customer": "cyan", "subscription": "green", "invoice": "yellow", "payment": "magenta"}
_UNTOLD = {"timestamp", "originator_topic", "tenant", *MASKED_FIELDS}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("tail")(tail)


def tail(
    after: Annotated[
        str, typer.Option("--after", help="Where to begin: 0 is the first event; or positions, such as 3@812,catalog@9.")
    ] = "now",
    type: Annotated[
        list[str] | None, typer.Option("--type", help="Only this type, or all that begin so: 'invoice.*'. May be repeated.")
    ] = None,
    customer: Annotated[str | None, typer.Option("--customer", help="Only what concerns the customer of this id.")] = None,
    url: Url = "http://127.0.0.1:8000",
    api_key: ApiKey = "",
    json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON, for programs.")] = False,
) -> None:
    """Print the tenant's events as they come, until Ctrl-C.

    It stays over outages of the ledger. Exits 1 where the ledger left out an event. Ctrl-C tells where to go on.
    """
    filters: dict[str, str | Sequence[str]] = {"type": type or []}
    if customer is not None:
        filters["customer"] = customer
    try:
        asyncio.run(_tail(url, needed(api_key), after, filters, _json if json else _line))
    except EventsMissing as error:
        errors.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        return
    except BrokenPipeError:
        # Nobody reads on, as after `| head`: what Python still holds back for them goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _tail(
    url: str, api_key: str, after: str, filters: Mapping[str, str | Sequence[str]], line: Callable[[CloudEvent], str]
) -> None:
    def on_outage(reason: str) -> None:
        errors.print(f"{reason}; trying again", style="yellow", markup=False)

    _end_with_reader()
    cursor = ""
    try:
        async with LedgerClient(url, api_key, timeout_s=WAIT_S + 15, patience_s=PATIENCE_S) as client:
            async for page in follow(client, after, filters, on_outage):
                sys.stdout.write("".join(map(line, page.events)))
                sys.stdout.flush()
                cursor = page.cursor
    finally:
        if cursor and not _reader_left():
            errors.print(f"go on with --after {cursor}", soft_wrap=True, markup=False, highlight=False)


def _end_with_reader() -> None:
    """Cancel this task when the reader of our pipe leaves. A write would show it as well, but only at the next event."""
    task = asyncio.current_task()
    assert task is not None
    if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        asyncio.get_running_loop().add_reader(sys.stdout.fileno(), task.cancel)


def _reader_left() -> bool:
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # an error is told unasked
    return bool(poll.poll(0))


def _json(event: CloudEvent) -> str:
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE).decode()


def _line(event: CloudEvent) -> str:
    """An event for people: when, what and where, and what its data says in plain values."""
    noun = event["type"].partition(".")[0]
    data = {name: value for name, value in event["data"].items() if name not in _UNTOLD}
    text = Text.assemble(
        (f"{event['time'][:19].replace('T', ' ')}Z  ", "dim"),
        (f"{event['type']:<35} ", f"bold {_COLOURS.get(noun, 'blue')}"),
        f"{event['subject']}  ",
        " ".join(f"{name}={_plain(value)}" for name, value in data.items() if _is_plain(value)),
        (f"  {event['position']}", "dim"),
    )
    with console.capture() as captured:
        console.print(text, soft_wrap=True)
    return captured.get()


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _plain(value: object) -> str:
    """As text that cannot command the terminal."""
    return value if isinstance(value, str) and value.isprintable() else orjson.dumps(value).decode()
