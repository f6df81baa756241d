"""The command that explains an amount: explain."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape

from infra.cli.parts import ApiKey, Json, Url, needed
from infra.ledger_client import LedgerClient
from infra.terminal import console, print_json

PATIENCE_S = 5.0


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("explain")(explain)


def explain(
    invoice: Annotated[str, typer.Argument(help="The invoice's id.")],
    line: Annotated[int, typer.Argument(help="Which of its lines; the first is 1.", min=1)] = 1,
    url: Url = "http://127.0.0.1:8000",
    api_key: ApiKey = "",
    json: Json = False,
) -> None:
    """Say why a line of an invoice is what it is, and reckon it again from its numbers.

    Exits 1 where that comes to another amount.
    """
    found = asyncio.run(_ask(url, needed(api_key), invoice, line))
    if json:
        print_json(found)
    else:
        _show(found)
    if found["recomputed"] not in (None, found["amount"]):
        raise typer.Exit(1)


async def _ask(url: str, api_key: str, invoice: str, line: int) -> Mapping[str, Any]:
    async with LedgerClient(url, api_key, patience_s=PATIENCE_S) as client:
        return (await client.get(f"/v1/invoices/{invoice}/lines/{line}/explain")).body


def _show(found: Mapping[str, Any]) -> None:
    console.print(f"[bold]{escape(found['description'])}[/bold] (line {found['line']} of {found['invoice']})")
    if found["price"] is not None:
        price = f"{found['price']}, version {found['price_version']}"
        console.print(f"{found['subscription']}, {found['item']}: {found['charge']} of {price}", markup=False)
    for sentence in found["text"]:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    for event in found["events"]:
        console.print(f"  {event['position']}  {event['type']}  {event['id']}", style="dim", markup=False, soft_wrap=True)
    if found["recomputed"] not in (None, found["amount"]):
        console.print("reckoned again it is another amount", style="red")
