"""The pages' code blocks: which run, in what order, and whether they print what the page says they print.

A fence's info string says what a block is: ``sh run`` and ``python run`` are run, those of a page in one go and in their order;
a ``text`` block right after one is what it prints. ``console`` shows what no test can run (a container engine, a service manager),
``json``, ``text`` and ``mermaid`` show something. Any other info string is refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("sh run", "python run", "js run")
SHOWN = ("console", "text", "json", "mermaid", "toml")
LIMIT_S = 120

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run: ids and hashes, instants, counts, paddings that follow from them.
_VARYING = ((re.compile(r"\b[0-9a-f]{8,}"), "H"), (re.compile(r"\d+(?:[.,]\d+)*"), "N"), (re.compile(r" +|[─━]+"), " "))


@dataclass(frozen=True)
class Block:
    """A code block; ``printed`` is the text block that follows it, if one does; ``line`` is where it begins."""

    kind: str
    text: str
    line: int
    printed: str | None


def pages() -> list[Path]:
    """Every page that people write."""
    return [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The page's blocks, in their order."""
    text = page.read_text("utf-8")
    found = list(_FENCE.finditer(text))
    for fence, following in zip(found, [*found[1:], None], strict=True):
        adjacent = following is not None and following[1] == "text" and not text[fence.end() : following.start()].strip()
        printed = following[2] if following is not None and adjacent else None
        yield Block(fence[1].strip(), fence[2], text.count("\n", 0, fence.start()) + 1, printed)


def run(page: Path, folder: Path, environment: Mapping[str, str]) -> list[tuple[Block, str]]:
    """Run the page's blocks in one shell, in ``folder``; what each printed. Raises AssertionError where one fails."""
    chosen = [block for block in blocks(page) if block.kind in RUN]
    lines = ["set -euo pipefail"]
    for number, block in enumerate(chosen):
        lines += [f"exec > {folder}/out.{number} 2>&1", _command(block, folder / f"block.{number}")]
    script = folder / "page.sh"
    script.write_text("\n".join(lines), "utf-8")
    done = subprocess.run(
        ["bash", str(script)], cwd=folder, env={**os.environ, **environment}, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL
    )
    outputs = [folder / f"out.{number}" for number in range(len(chosen))]
    begun = [path for path in outputs if path.exists()]
    where = f"{page.name}:{chosen[len(begun) - 1].line}"
    assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{begun[-1].read_text('utf-8')}"
    return [(block, path.read_text("utf-8")) for block, path in zip(chosen, outputs, strict=True)]


def _command(block: Block, file: Path) -> str:
    if block.kind == "sh run":
        return block.text
    file.write_text(block.text, "utf-8")
    return f"{sys.executable if block.kind == 'python run' else 'node'} {file}"


def differences(page: str, printed: str) -> list[str]:
    """Lines of the page that were not printed so. Numbers, ids and hashes may differ; ``…`` stands for anything, a line of its
    own for any lines.
    """
    found = iter(_masked(printed))
    missing = []
    skipping = False
    for line in _masked(page):
        if line == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        candidates = found if skipping else [next(found, "")]
        if not any(pattern.fullmatch(candidate) for candidate in candidates):
            missing.append(line)
        skipping = False
    return missing


def _masked(text: str) -> list[str]:
    for pattern, mask in _VARYING:
        text = pattern.sub(mask, text)
    return [line.strip() for line in text.splitlines() if line.strip()]
