"""Positions on the wire: ``7@48122`` (partition @ sequence), ``catalog@9``, several by commas; and ``Prefer: wait=2``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from infra.http.problems import Problem, invalid

MIN_POSITION = "Ledger-Min-Position"
WAIT_S_DEFAULT = 2.0
WAIT_S_MAX = 10.0
_ONE = r"(catalog|0|[1-9][0-9]{0,4})@(0|[1-9][0-9]{0,17})"
_POSITION = re.compile(_ONE)
POSITIONS_PATTERN = rf"^[ ,]*({_ONE} *(,[ ,]*{_ONE} *)*[ ,]*)?$"
_WAIT = re.compile(r"\s*wait\s*=\s*\"?([0-9]{1,6})\"?\s*", re.IGNORECASE)


def format_positions(positions: Mapping[str, int]) -> str:
    """The vector as a header's value, in a fixed order: ledger partitions by number, then the catalog."""
    numbered = sorted((name for name in positions if name.isdigit()), key=int)
    named = sorted(name for name in positions if not name.isdigit())
    return ", ".join(f"{name}@{positions[name]}" for name in (*numbered, *named))


def parse_positions(text: str | None, location: str = "header", name: str = MIN_POSITION) -> dict[str, int]:
    """Positions as partition → sequence, the greatest where one is named twice. Raises a 422 problem, which says that they stood
    in the header or parameter ``name``.
    """
    positions: dict[str, int] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        match = _POSITION.fullmatch(part.strip())
        if match is None:
            detail = "Positions look like 7@48122 or catalog@9, separated by commas."
            raise invalid(location, f"/{name}", "position_invalid", detail)
        positions[match[1]] = max(int(match[2]), positions.get(match[1], 0))
    return positions


def parse_wait_s(prefer: str | None) -> float:
    """How long ``Prefer`` lets us wait, within bounds. What we do not know in it is ignored, as RFC 7240 asks."""
    for part in (prefer or "").split(","):
        match = _WAIT.fullmatch(part)
        if match is not None:
            return min(float(match[1]), WAIT_S_MAX)
    return WAIT_S_DEFAULT


def missing(
    required: Mapping[str, int], current: Mapping[str, int], location: str = "header", name: str = MIN_POSITION
) -> dict[str, int]:
    """What of ``required`` is not reached yet. Raises a 422 problem for a partition that does not exist."""
    unknown = sorted(required.keys() - current.keys())
    if unknown and current:
        detail = f"There is no partition {unknown[0]} here."
        raise invalid(location, f"/{name}", "position_unknown", detail)
    return {name: sequence for name, sequence in required.items() if current.get(name, 0) < sequence}


def read_model_behind(required: Mapping[str, int], current: Mapping[str, int]) -> Problem:
    """503: the read models did not reach the asked position in time. It says nothing of the command that gave the position."""
    now = {name: current.get(name, 0) for name in required}
    return Problem(
        503,
        "read-model-behind",
        "The read models are not there yet",
        "They did not reach Ledger-Min-Position in time; the same request may be sent again.",
        retryable=True,
        headers={"Retry-After": "1"},
        extensions={"required_position": format_positions(required), "current_position": format_positions(now)},
    )
