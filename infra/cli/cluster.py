"""The command that shows the nodes: cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from infra.cli.parts import Json, Url, settings_for
from infra.ledger_client import LedgerClient
from infra.terminal import console, print_json

PATIENCE_S = 5.0
_STATES = {"serving": "green", "taking_over": "yellow", "broken": "red", "unknown": "red"}


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("cluster")(cluster)


def cluster(
    url: Url = "http://127.0.0.1:8000",
    all: Annotated[bool, typer.Option("--all", help="Every partition, a line each.")] = False,
    json: Json = False,
) -> None:
    """Show the command nodes and their partitions. It takes the admin key from the settings, and asks any node.

    Exits 1 where a node does not answer, or a partition is not served.
    """
    found = asyncio.run(_ask(url, settings_for(("admin_key",), quiet=True).admin_key_text))
    if json:
        print_json(found)
    else:
        console.print(partitions_table(found) if all else nodes_table(found))
        if found["unowned"]:
            console.print(f"without an owner: {', '.join(found['unowned'])}", style="red")
    if found["unowned"] or not all_served(found):
        raise typer.Exit(1)


async def _ask(url: str, admin_key: str) -> Mapping[str, Any]:
    async with LedgerClient(url, admin_key, patience_s=PATIENCE_S) as client:
        return (await client.get("/v1/cluster")).body


def all_served(found: Mapping[str, Any]) -> bool:
    """Whether every node answers and serves what it owns."""
    return all(node["answers"] and all(each["state"] == "serving" for each in node["partitions"]) for node in found["nodes"])


def nodes_table(found: Mapping[str, Any]) -> Table:
    """A line a node."""
    table = Table("node", "address", "serves", "of", "waiting", "lag", "state", title=f"{found['environment']}: command nodes")
    for node in found["nodes"]:
        partitions = node["partitions"]
        serving = [each for each in partitions if each["state"] == "serving"]
        state = "; ".join(node["unready"]) or "ready"
        table.add_row(
            node["name"] or "", node["address"], _names(serving), str(len(partitions)),
            f"{sum(each['waiting'] for each in partitions):,}", f"{sum(each['lag'] or 0 for each in partitions):,}",
            f"[{'green' if state == 'ready' else 'red'}]{escape(state)}",
        )  # fmt: skip
    return table


def partitions_table(found: Mapping[str, Any]) -> Table:
    """A line a partition."""
    table = Table("partition", "node", "state", "term", "sequence", "waiting", "lag", title=f"{found['environment']}: partitions")
    rows = [(each, node["name"] or node["address"]) for node in found["nodes"] for each in node["partitions"]]
    for each, node in sorted(rows, key=lambda row: _place(row[0]["partition"])):
        numbers = ["" if each[name] is None else f"{each[name]:,}" for name in ("term", "sequence", "waiting", "lag")]
        table.add_row(each["partition"], node, f"[{_STATES[each['state']]}]{each['state']}", *numbers)
    return table


def _names(partitions: list[Mapping[str, Any]]) -> str:
    return " ".join(sorted((each["partition"] for each in partitions), key=_place))


def _place(partition: str) -> tuple[bool, int]:
    """The catalog first, then by number."""
    return partition.isdecimal(), int(partition) if partition.isdecimal() else 0
