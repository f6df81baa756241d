"""The AsyncAPI document in the eyes of its own parser. The parser comes with npm, once, into the user's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from docs import generate

PARSER = "@asyncapi/parser@3.6.3"
CHECK = Path(__file__).parent / "check_asyncapi.cjs"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder of node modules that has the parser. Skips where there is no npm; with CI=true that is a failure."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs node and npm for the AsyncAPI parser", pytrace=False)
        pytest.skip("no node or npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "subledger" / PARSER.replace("/", "-")
    done = cache / "installed"
    if not done.exists():
        cache.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(cache), "--no-save", "--no-package-lock", "--no-audit", "--no-fund", PARSER]
        got = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
        assert got.returncode == 0, got.stderr
        done.touch()
    return cache / "node_modules"


def parse(modules: Path, document: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NODE_PATH": str(modules)}
    return subprocess.run(
        ["node", str(CHECK), str(document)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_document_is_valid(modules: Path) -> None:
    parsed = parse(modules, generate.ROOT / "docs/events/asyncapi.yaml")
    assert parsed.returncode == 0, parsed.stdout + parsed.stderr


def test_a_document_with_a_fault_is_not(modules: Path, tmp_path: Path) -> None:
    shutil.copytree(generate.ROOT / "docs/events", tmp_path / "events")
    broken = tmp_path / "events/asyncapi.yaml"
    broken.write_text(broken.read_text("utf-8").replace("action: send", "action: shout"), "utf-8")
    parsed = parse(modules, broken)
    assert parsed.returncode == 1
    assert "shout" in parsed.stdout or "action" in parsed.stdout
