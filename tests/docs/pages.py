"""The pages' code blocks: which run, in what order, and whether they print what the page says they print.

A fence's info string says what a block is. ``sh run``, ``python run`` and ``js run`` are run, those of a page in one go and in
their order; one that begins with a comment of a file's name is that file. A ``text`` block right after one is what it prints,
``text exact`` to the letter. ``console`` shows what no test can run (a container engine, a service manager); ``json``,
``toml`` and ``mermaid`` show something. Any other info string is refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RUN = ("sh run", "python run", "js run")
EXACT = "text exact"
PRINTED = ("text", EXACT)
SHOWN = ("console", *PRINTED, "json", "mermaid", "toml")
LIMIT_S = 300

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:#|//) ([a-z_]+\.[a-z]+)\n")
# What differs from run to run: ids and hashes, instants, counts, paddings that follow from them.
_VARYING = (
    (re.compile(r"(?<![0-9a-z])[0-9a-f]{8,}"), "H"),
    (re.compile(r"\d+(?:[.,]\d+)*"), "N"),
    (re.compile(r" +|[─━]+"), " "),
)


@dataclass(frozen=True)
class Block:
    """A code block; ``printed`` is the text block that follows it, if one does; ``line`` is where it begins."""

    kind: str
    text: str
    line: int
    printed: str | None
    exact: bool


def pages() -> list[Path]:
    """Every page that people write."""
    return [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The page's blocks, in their order."""
    text = page.read_text("utf-8")
    found = list(_FENCE.finditer(text))
    for fence, following in zip_longest(found, found[1:]):
        adjacent = following is not None and following[1] in PRINTED and not text[fence.end() : following.start()].strip()
        printed, exact = (following[2], following[1] == EXACT) if following is not None and adjacent else (None, False)
        yield Block(fence[1].strip(), fence[2], text.count("\n", 0, fence.start()) + 1, printed, exact)


def function(page: str, file: str, name: str) -> Callable[..., Any]:
    """A function from the block of a page that is called ``file``."""
    [text] = [block.text for block in blocks(ROOT / "docs" / page) if block.text.startswith(f"# {file}\n")]
    found: dict[str, Any] = {}
    exec(compile(text, file, "exec"), found)
    made: Callable[..., Any] = found[name]
    return made


def run(page: Path, folder: Path, environment: Mapping[str, str]) -> list[tuple[Block, str]]:
    """Run the page's blocks in one shell, in ``folder``; what each printed. Raises AssertionError where one fails."""
    chosen = [block for block in blocks(page) if block.kind in RUN]
    lines = ["set -euo pipefail"]
    for number, block in enumerate(chosen):
        lines += [f"exec > {folder}/out.{number} 2>&1", _command(block, folder)]
    script = folder / "page.sh"
    script.write_text("\n".join(lines), "utf-8")
    done = subprocess.run(
        ["bash", str(script)],
        cwd=folder,
        env={**os.environ, **environment},
        timeout=LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    outputs = [folder / f"out.{number}" for number in range(len(chosen))]
    begun = [path for path in outputs if path.exists()]
    where = f"{page.name}:{chosen[len(begun) - 1].line}"
    assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{begun[-1].read_text('utf-8')}"
    return [(block, path.read_text("utf-8")) for block, path in zip(chosen, outputs, strict=True)]


def _command(block: Block, folder: Path) -> str:
    """A block that begins with a comment of a file's name is that file."""
    if block.kind == "sh run":
        return block.text
    named = _FILE.match(block.text)
    file = folder / (named[1] if named else f"block.{block.line}")
    file.write_text(block.text, "utf-8")
    return f"{sys.executable if block.kind == 'python run' else 'node'} {file}"


def differences(page: str, printed: str, exact: bool = False) -> list[str]:
    """Lines of the page that were not printed so. Numbers, ids and hashes may differ unless ``exact``; ``…`` stands for anything,
    on a line of its own for any lines.
    """
    found = iter(_lines(printed, exact))
    missing = []
    skipping = False
    for line in _lines(page, exact):
        if line == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        candidates = found if skipping else [next(found, "")]
        if not any(pattern.fullmatch(candidate) for candidate in candidates):
            missing.append(line)
        skipping = False
    return missing


def _lines(text: str, exact: bool) -> list[str]:
    for pattern, mask in () if exact else _VARYING:
        text = pattern.sub(mask, text)
    return [line.strip() for line in text.splitlines() if line.strip()]
