"""The distribution: built without any network, it holds the client alone and needs nothing of the ledger's."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

SDK = Path(__file__).parents[2] / "sdk" / "python"
IMPORT = """\
import sys
sys.path.insert(0, sys.argv[1])
before = set(sys.modules)
import subledger_client
assert subledger_client.__file__.startswith(sys.argv[1]), subledger_client.__file__
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""


@pytest.mark.slow
def test_the_wheel_holds_the_client_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=SDK, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"subledger_client"}
    assert "subledger_client/py.typed" in names

    arguments = [sys.executable, "-I", "-c", IMPORT, str(tmp_path / "installed")]
    imported = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout.split()
    assert "httpx" in imported
    assert not {"commands", "domain", "infra", "orjson", "projections", "pydantic", "queries"} & set(imported)


def test_its_version_is_the_ledgers() -> None:
    versions = [tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"] for folder in (SDK, SDK.parents[1])]
    assert versions[0] == versions[1]
