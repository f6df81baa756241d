"""Plots of what was measured, as SVG: the same points give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from bench.growth import MEASURES
from bench.harness.result import Result

Points = Sequence[Mapping[str, Any]]


def draw(result: Result, folder: Path) -> Path | None:
    """The plot of a result, ``folder/NAME.svg``, where it is one that is drawn."""
    if result.name not in _DRAWN:
        return None
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.name}.svg"
    # Text stays text; ids come from the content, and no date is told.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "subledger", "font.size": 9}):
        figure = _DRAWN[result.name](result.points)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def _growth(points: Points) -> Figure:
    """A panel for each measure, a line for each thing that there is more and more of."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(2, 2)
    axes = list(dict.fromkeys(point["axis"] for point in points))
    for panel, (measure, (what, unit)) in zip(panels.flat, MEASURES.items(), strict=True):
        for axis in axes:
            along = [point for point in points if point["axis"] == axis]
            panel.plot([point["factor"] for point in along], [point[measure] for point in along], marker="o", label=axis)
        panel.set_title(f"{what}, {unit}" if unit else what)
        panel.set_xscale("log")
        panel.set_xticks(sorted({point["factor"] for point in points}))
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    figure.supxlabel("times as much")
    panels.flat[0].legend()
    return figure


def _memory(points: Points) -> Figure:
    """Resident memory during the long run."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panel = figure.subplots()
    panel.plot([point["minutes"] for point in points], [point["mib"] for point in points])
    panel.set_xlabel("minutes under load")
    panel.set_ylabel("MiB")
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    return figure


_DRAWN: dict[str, Callable[[Points], Figure]] = {"growth": _growth, "memory": _memory}
