"""The cluster as the command line shows it."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from infra.cli.cluster import all_served, nodes_table, partitions_table

UNKNOWN = {"term": None, "sequence": None, "waiting": 0, "lag": None}


def node(number: int, *partitions: dict[str, Any], unready: list[str] | None = None, answers: bool = True) -> dict[str, Any]:
    name = f"node-{number}" if answers else None
    return {
        "name": name,
        "address": f"host-{number}:8000",
        "answers": answers,
        "unready": unready or [],
        "partitions": partitions,
    }


def partition(name: str, state: str, **known: int) -> dict[str, Any]:
    return {"partition": name, "state": state, **UNKNOWN, **known}


SERVED = [partition(name, "serving", term=3, sequence=1200, waiting=2, lag=0) for name in ("10", "catalog", "9")]
WELL = {"environment": "live", "nodes": [node(1, *SERVED)]}
TAKEN = partition("3", "taking_over", lag=70000)
ILL = {
    "environment": "live",
    "nodes": [
        node(1, *SERVED, TAKEN, unready=["partition 3 is not served: [it] is being taken over"]),
        node(2, partition("4", "unknown"), unready=["no report: refused"], answers=False),
    ],
}


def shown(table: object) -> list[list[str]]:
    """The cells of a table's lines."""
    console = Console(width=240, color_system=None)
    with console.capture() as captured:
        console.print(table)
    lines = [line for line in captured.get().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_a_line_a_node() -> None:
    assert shown(nodes_table(ILL)) == [
        ["node-1", "host-1:8000", "catalog 9 10", "4", "6", "70,000", "partition 3 is not served: [it] is being taken over"],
        ["", "host-2:8000", "", "1", "0", "0", "no report: refused"],
    ]


def test_a_line_a_partition() -> None:
    assert shown(partitions_table(ILL)) == [
        ["catalog", "node-1", "serving", "3", "1,200", "2", "0"],
        ["3", "node-1", "taking_over", "", "", "0", "70,000"],
        ["4", "host-2:8000", "unknown", "", "", "0", ""],
        ["9", "node-1", "serving", "3", "1,200", "2", "0"],
        ["10", "node-1", "serving", "3", "1,200", "2", "0"],
    ]


def test_it_is_well_where_every_node_answers_and_serves_what_it_owns() -> None:
    assert all_served(WELL)
    assert not all_served(ILL)
    assert not all_served({"nodes": [node(2, answers=False)]})
    assert not all_served({"nodes": [node(1, TAKEN)]})
