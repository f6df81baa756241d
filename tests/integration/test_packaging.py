"""What is installed: the wheel holds every file of the packages; the pinned requirements agree and name no host."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SOURCE_PACKAGES

PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {found[1]: found[2] for line in lines if (found := PIN.match(line))}


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    # given the packages' files, SQL and all
    files = {str(file.relative_to(ROOT)) for package in SOURCE_PACKAGES for file in (ROOT / package).rglob("*.*")}
    expected = {file for file in files if "__pycache__" not in file and (ROOT / file).is_file()}
    # when the wheel is built
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # then they are all in it, and nothing else but its metadata
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == expected


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-build.txt"])
def test_requirements_are_pinned_hashed_and_without_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert PIN.match(entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text
    assert "--index-url" not in text


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt"])
def test_what_is_tested_is_what_is_shipped(name: str) -> None:
    tested = pins("requirements-dev.txt")
    assert pins(name).items() <= tested.items()
