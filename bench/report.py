"""``python -m bench.report``: what `make bench` found last, in the tables and the plots of docs/performance.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import orjson

from bench import RESULTS
from bench.harness.deployment import ROOT
from bench.harness.result import COLUMNS, Result
from bench.plots import draw

PAGE = ROOT / "docs" / "performance.md"
_MACHINE = "machine"


class NoPlace(Exception):
    """The page has no place for it; the message says for what."""


def report() -> None:
    """Put each result that there is into its place on the page; what was not measured stays as it was. Raises NoPlace."""
    results = [Result.from_json(orjson.loads(path.read_bytes())) for path in sorted(RESULTS.glob("*.json"))]
    page = PAGE.read_text()
    for result in results:
        picture = draw(result, PAGE.parent / PAGE.stem)
        page = in_place(page, result.name, _told(result, picture))
    if results:
        page = in_place(page, _MACHINE, _machines(results))
    PAGE.write_text(page)


def in_place(page: str, name: str, text: str) -> str:
    """The page with this text, and nothing else, between ``<!-- name -->`` and ``<!-- /name -->``. Raises NoPlace."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise NoPlace(f"the page has no place for {name!r}: {begin} and {end}, each once")
    return re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n\n{text}\n\n{end}", page, flags=re.DOTALL)


def _told(result: Result, picture: Path | None) -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(line.cells() for line in result.lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    text = "\n".join([table, "", *(f"- {note}" for note in result.notes)])
    return text if picture is None else f"{text}\n\n![{result.title}]({picture.relative_to(PAGE.parent)})"


def _machines(results: Sequence[Result]) -> str:
    """What the results were taken on: one machine, unless some are older."""
    return "\n".join(f"- {described}" for described in dict.fromkeys(_described(result.machine) for result in results))


def _described(machine: Mapping[str, str]) -> str:
    def parts() -> Iterator[str]:
        yield f"{machine['cores']} cores, {machine['memory']}"
        yield machine["system"]
        yield from (f"{name} {machine[name]}" for name in machine if name not in ("cores", "memory", "system"))

    return ", ".join(parts())


if __name__ == "__main__":
    try:
        report()
    except NoPlace as error:
        sys.exit(str(error))
