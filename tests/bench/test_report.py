"""Results on the page: between their markers, and nothing else changes; plots of the same points are the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import MEASUREMENTS
from bench.growth import FACTORS, MEASURES
from bench.harness.result import Line, Result
from bench.plots import draw
from bench.report import PAGE, NoPlace, in_place

PLOTTED = (
    Result("memory", "M", [Line("a", 1, "MiB")], points=[{"minutes": 0.0, "mib": 100.0}, {"minutes": 1.0, "mib": 101.5}]),
    Result("growth", "G", [], points=[{"axis": "events", "factor": each, **dict.fromkeys(MEASURES, 0.5)} for each in FACTORS]),
)


def test_what_stands_between_the_markers_is_replaced() -> None:
    page = "before\n<!-- a -->\nold\n<!-- /a -->\n<!-- b -->\nother\n<!-- /b -->\n"

    assert in_place(page, "a", r"\1 new") == "before\n<!-- a -->\n\n\\1 new\n\n<!-- /a -->\n<!-- b -->\nother\n<!-- /b -->\n"


@pytest.mark.parametrize("page", ["", "<!-- a -->", "<!-- a --><!-- /a --><!-- a --><!-- /a -->"])
def test_a_page_without_the_one_place_is_refused(page: str) -> None:
    with pytest.raises(NoPlace, match="'a'"):
        in_place(page, "a", "new")


def test_the_page_has_a_place_for_each_measurement() -> None:
    for name in ("machine", *MEASUREMENTS):
        in_place(PAGE.read_text(), name, "")


@pytest.mark.parametrize("result", PLOTTED, ids=lambda result: result.name)
def test_the_same_points_give_the_same_picture(result: Result, tmp_path: Path) -> None:
    one, other = (draw(result, tmp_path / folder) for folder in ("one", "other"))

    assert one is not None
    assert other is not None
    assert one.read_bytes() == other.read_bytes()


def test_a_result_without_a_plot_draws_none(tmp_path: Path) -> None:
    assert draw(Result("commands", "C", []), tmp_path) is None
