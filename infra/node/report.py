"""How a node is, for an operator: see `commands.api_cluster.NodeReport`."""

from __future__ import annotations

from typing import Any

from infra.eventlog.counts import WindowCounts
from infra.node.counts import NodeState


def report(name: str, address: str, state: NodeState, counts: WindowCounts) -> dict[str, Any]:
    """As JSON."""
    return {
        "name": name,
        "address": address,
        "answers": True,
        "unready": list(state.unready),
        "waiting_max": state.waiting_max,
        "partitions": [_partition(each, state, counts) for each in sorted(state.assigned | state.sequences.keys())],
    }


def _partition(name: str, state: NodeState, counts: WindowCounts) -> dict[str, Any]:
    found = {"partition": name, "term": counts.terms.get(name)}
    if name in state.sequences:  # nobody else writes: what is in the log is in the index
        waiting, sequence = state.waiting[name], state.sequences[name]
        return found | {"state": "serving", "sequence": sequence, "waiting": waiting, "lag": 0}
    return found | {"state": "broken" if name in state.broken else "taking_over", "lag": counts.behind.get(name)}
