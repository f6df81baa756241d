"""A line's ratio, and whether its target is met."""

from __future__ import annotations

import pytest

from bench.harness.result import Line, Result, Target

AT_LEAST_HALF = Target("ratio", "≥", 0.5)
BELOW_50 = Target("figure", "<", 50)


@pytest.mark.parametrize(
    ("line", "met", "cells"),
    [
        (Line("a", 500, "r/s", 1000, AT_LEAST_HALF), True, ("a", "500 r/s", "1,000 r/s", "0.50", "ratio ≥ 0.5", "yes")),
        (Line("a", 499, "r/s", 1000, AT_LEAST_HALF), False, ("a", "499 r/s", "1,000 r/s", "0.50", "ratio ≥ 0.5", "NO")),
        (Line("b", 49.94, "ms", target=BELOW_50), True, ("b", "49.9 ms", "", "", "< 50 ms", "yes")),
        (Line("b", 50, "ms", target=BELOW_50), False, ("b", "50.0 ms", "", "", "< 50 ms", "NO")),
        (Line("c", 1.234, "MiB"), None, ("c", "1.23 MiB", "", "", "", "")),
    ],
)
def test_a_line_says_whether_its_target_is_met(line: Line, met: bool | None, cells: tuple[str, ...]) -> None:
    assert line.met is met
    assert line.cells() == cells


def test_a_result_is_the_same_after_json() -> None:
    result = Result("x", "X", [Line("a", 1, "r/s", 2, AT_LEAST_HALF), Line("c", 3, "")], ["note"], [{"customers": 10}])
    assert Result.from_json(result.as_json()) == result
