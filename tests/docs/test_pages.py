"""The pages' examples run, and print what the pages say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, RUN, SHOWN, blocks, differences, pages, run

EMBEDDED = (
    "README.md",
    "docs/api.md",
    "docs/billing.md",
    "docs/auditors.md",
    "docs/operators.md",
    "docs/operations.md",
    "docs/how-to/import.md",
    "docs/how-to/follow-events.md",
    "docs/how-to/python.md",
    "docs/how-to/simulate.md",
)
ON_KAFKA = ("docs/analysts.md",)
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", EMBEDDED)
def test_examples_on_the_embedded_ledger(page: str, embedded: Mapping[str, str], tmp_path: Path) -> None:
    check(page, tmp_path, embedded)


@pytest.mark.parametrize("page", ON_KAFKA)
def test_examples_on_kafka(page: str, on_kafka: Mapping[str, str], tmp_path: Path) -> None:
    check(page, tmp_path, on_kafka)


def check(page: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run all that the page has people run; what it says is printed must be, in so far as it does not differ by its nature."""
    needed = {
        tool for block in blocks(ROOT / page) for tool in ("node", "kcat") if block.kind in RUN and tool in block.text.split()
    }
    if missing := sorted(tool for tool in needed if shutil.which(tool) is None):
        pytest.skip(f"not installed: {', '.join(missing)}")
    for block, printed in run(ROOT / page, folder, environment):
        if block.printed is not None:
            wrong = differences(block.printed, printed, block.exact)
            assert not wrong, f"{page}:{block.line} did not print {wrong}, but:\n{printed}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_block_is_run_or_shown(page: Path) -> None:
    executed = name(page) in (*EMBEDDED, *ON_KAFKA)
    allowed = {*SHOWN, *(RUN if executed else ())}
    strange = [(block.line, block.kind) for block in blocks(page) if block.kind not in allowed]
    assert strange == [], "neither run by a test nor marked as output"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("page", "printed", "missing"),
    [
        ("a 12\n", "a 7\n", []),
        ("sub_0123456789\n", "sub_fedcba98765\n", []),
        ("one\n…\nthree\n", "one\ntwo\nthree\n", []),
        ("key sl_…\n", "key sl_sandbox_acme_x\n", []),
        ("a\nb\n", "a\nc\n", ["b"]),
        ("…\nc\n", "a\nb\n", ["c"]),
    ],
)
def test_a_page_that_says_something_else_is_found_out(page: str, printed: str, missing: list[str]) -> None:
    assert differences(page, printed) == missing
