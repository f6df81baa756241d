"""What a measurement found: lines against ceilings and targets, as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

import psutil
from rich.console import Console, RenderableType
from rich.table import Table

from infra.terminal import console, print_json

COLUMNS = ("what", "figure", "ceiling", "ratio", "target", "met?")


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised of a line: its figure, or its ratio to the ceiling, is at least or below a limit."""

    of: Literal["figure", "ratio"]
    comparison: Literal["≥", "<"]
    limit: float

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.comparison == "≥" else value < self.limit


@dataclass(frozen=True, slots=True)
class Line:
    """One row: ``figure`` in ``unit``; ``ceiling`` in the same unit, or None where a figure stands for itself."""

    what: str
    figure: float
    unit: str
    ceiling: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Figure ÷ ceiling."""
        return self.figure / self.ceiling if self.ceiling else None

    @property
    def met(self) -> bool | None:
        """Whether the target is; None where there is none."""
        if self.target is None:
            return None
        value = self.figure if self.target.of == "figure" else self.ratio
        assert value is not None, f"{self.what}: a ratio needs a ceiling"
        return self.target.holds(value)

    def as_json(self) -> dict[str, Any]:
        target = {"of": self.target.of, "comparison": self.target.comparison, "limit": self.target.limit} if self.target else None
        return {
            "what": self.what, "figure": self.figure, "unit": self.unit, "ceiling": self.ceiling, "ratio": self.ratio,
            "target": target, "met": self.met,
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Line:
        target = Target(**found["target"]) if found["target"] else None
        return cls(found["what"], found["figure"], found["unit"], found["ceiling"], target)

    def cells(self) -> tuple[str, ...]:
        """The row's texts, in the order of COLUMNS."""
        return (
            self.what,
            _quantity(self.figure, self.unit),
            "" if self.ceiling is None else _quantity(self.ceiling, self.unit),
            "" if self.ratio is None else f"{self.ratio:.2f}",
            _promise(self.target, self.unit),
            "" if self.met is None else "yes" if self.met else "NO",
        )


@cache
def _machine() -> dict[str, str]:
    """What the figures were taken on."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "fastapi": version("fastapi"),
        "confluent-kafka": version("confluent-kafka"),
    }


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement's lines; ``notes`` say what was measured, in plain sentences; ``points`` are what plots are drawn from."""

    name: str
    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    points: Sequence[Mapping[str, Any]] = ()
    machine: Mapping[str, str] = field(default_factory=_machine)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "lines": [line.as_json() for line in self.lines],
            "notes": list(self.notes),
            "points": list(self.points),
            "machine": dict(self.machine),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Result:
        lines = [Line.from_json(line) for line in found["lines"]]
        return cls(found["name"], found["title"], lines, found["notes"], found["points"], found["machine"])

    def table(self) -> Table:
        table = Table(*COLUMNS, title=self.title)
        for line in self.lines:
            table.add_row(*line.cells(), style="red" if line.met is False else None)
        return table


def show(result: Result, json: bool) -> None:
    """Print a measurement: one table and its notes, or one JSON document."""
    if json:
        print_json(result.as_json())
        return
    shown: list[RenderableType] = [result.table(), *result.notes]
    for each in shown:
        console.print(each)


def told(what: str) -> None:
    """Say on standard error what is being done: a measurement takes minutes."""
    Console(stderr=True).print(f"[dim]{what}[/]", highlight=False, soft_wrap=True)


def _quantity(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _promise(target: Target | None, unit: str) -> str:
    if target is None:
        return ""
    if target.of == "ratio":
        return f"ratio {target.comparison} {target.limit:g}"
    return f"{target.comparison} {target.limit:,g} {unit}".rstrip()
