"""Who may import whom, and that what must be pure reaches neither for a clock nor for the environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.architecture.sources import SOURCE_PACKAGES, Module, modules

DOMAIN_LIBRARIES = ("eventsourcing.domain", "eventsourcing.utils", "pydantic", "pydantic_core", "whenever", "iso4217")
# What must be given as data: the clock, the environment, chance.
IMPURE_CALLS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "Instant.now", "ZonedDateTime.now", "time.time",
    "time.time_ns", "time.sleep", "os.environ", "os.getenv", "os.urandom", "uuid.uuid1", "uuid.uuid4",
}  # fmt: skip
IMPURE_MODULES = {"random"}
IMPURE_MODULES_IN_DOMAIN = IMPURE_MODULES | {"secrets", "socket", "subprocess", "threading", "asyncio", "sqlite3"}


def under(name: str, parents: tuple[str, ...]) -> bool:
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def is_api(module: Module) -> bool:
    """commands/api*.py and queries/api*.py: the two places where HTTP's shared part may be imported."""
    return len(module.path.parts) == 2 and module.package in ("commands", "queries") and module.path.name.startswith("api")


def may_import(module: Module, name: str) -> bool:
    """The rule: infra → commands, queries, projections → domain, with two exceptions that it names."""
    root = name.partition(".")[0]
    match module.package:
        case "infra":
            return root != "tests"
        case "domain":
            return root == "domain" or root in sys.stdlib_module_names or under(name, DOMAIN_LIBRARIES)
        case "commands" | "queries" | "projections" as own:
            if root not in SOURCE_PACKAGES:
                return root != "tests"
            if root in ("domain", own):
                return True
            if is_api(module) and under(name, ("infra.http",)):
                return True
            return own == "queries" and root == "projections" and is_view(name)
        case _:
            return True


def is_view(name: str) -> bool:
    parts = name.split(".")
    return len(parts) >= 3 and parts[2] == "view"


@pytest.mark.parametrize("module", modules(*SOURCE_PACKAGES), ids=str)
def test_imports_point_inwards(module: Module) -> None:
    wrong = [f"line {line}: {name}" for line, name in module.imports() if not may_import(module, name)]
    assert not wrong, f"{module} must not import {wrong}"


def impurities(module: Module) -> Iterator[str]:
    forbidden = IMPURE_MODULES_IN_DOMAIN if module.package == "domain" else IMPURE_MODULES
    for line, name in module.imports():
        if name.partition(".")[0] in forbidden or name in IMPURE_CALLS:
            yield f"line {line}: import {name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name):
            text = ast.unparse(node)
            if any(text == call or text.endswith("." + call) for call in IMPURE_CALLS):
                yield f"line {node.lineno}: {text}"


@pytest.mark.parametrize("module", modules("domain", "commands", "projections"), ids=str)
def test_clock_environment_and_chance_are_given_not_taken(module: Module) -> None:
    found = sorted(set(impurities(module)))
    assert not found, f"{module} takes {found}"


@pytest.mark.parametrize(
    ("path", "source", "allowed"),
    [
        ("domain/a.py", "import json, pydantic", True),
        ("domain/a.py", "from eventsourcing.domain import BaseAggregate", True),
        ("domain/a.py", "from eventsourcing.persistence import Mapper", False),
        ("domain/a.py", "import eventsourcing", False),
        ("domain/a.py", "import orjson", False),
        ("domain/a.py", "from commands.shard import Shard", False),
        ("commands/shard.py", "import orjson; from domain.money import Money", True),
        ("commands/shard.py", "from infra.http import problems", False),
        ("commands/api.py", "from infra.http import problems", True),
        ("commands/api_customers.py", "from infra.http.problems import Problem", True),
        ("commands/api.py", "from infra.eventlog.record import Record", False),
        ("commands/api.py", "from infra import http", True),
        ("commands/deep/api.py", "from infra.http import problems", False),
        ("queries/invoices.py", "from projections.invoices.view import View", True),
        ("queries/invoices.py", "from projections.invoices import view", True),
        ("queries/invoices.py", "from projections.invoices.projection import fold", False),
        ("queries/invoices.py", "from commands.shard import Shard", False),
        ("projections/invoices/view.py", "from queries.invoices import get", False),
        ("projections/invoices/view.py", "from . import projection", True),
        ("infra/cli.py", "from commands.api import app", True),
        ("infra/cli.py", "from tests.conftest import x", False),
        ("domain/a.py", "def late() -> None:\n    from infra.cli import main", False),
    ],
)
def test_the_rule_itself(path: str, source: str, allowed: bool) -> None:
    module = Module.parse(path, source)
    assert all(may_import(module, name) for _, name in module.imports()) is allowed


@pytest.mark.parametrize(
    ("source", "pure"),
    [
        ("from datetime import datetime\ndef f(now: datetime) -> datetime: return now", True),
        ("from datetime import datetime\ndef f(): return datetime.now()", False),
        ("import datetime\ndef f(): return datetime.datetime.now()", False),
        ("import datetime as dt\nx = dt.datetime.utcnow", False),
        ("import os\nx = os.environ['A']", False),
        ("import random", False),
        ("from time import time", False),
        ("from os import environ", False),
        ("def f(order): return order.time", True),
    ],
)
def test_impurities_are_found(source: str, pure: bool) -> None:
    assert (not list(impurities(Module.parse("domain/a.py", source)))) is pure


@pytest.mark.parametrize("module", ["infra.cli", "infra.window_child"])
def test_a_process_starts_without_what_only_exports_need(module: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print('duckdb' in sys.modules)"], stdout=subprocess.PIPE, check=True
    )
    assert found.stdout == b"False\n"


def checker_may_import(name: str) -> bool:
    """The checker shares nothing with what it judges, and nothing with tests that do."""
    return name.partition(".")[0] not in SOURCE_PACKAGES and (not under(name, ("tests",)) or under(name, ("tests.checker",)))


@pytest.mark.parametrize(
    "module", [module for module in modules("tests") if module.path.parts[:2] == ("tests", "checker")], ids=str
)
def test_the_checker_is_written_apart(module: Module) -> None:
    wrong = [f"line {line}: {name}" for line, name in module.imports() if not checker_may_import(name)]
    assert not wrong, f"{module} must not import {wrong}"


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("import hmac, httpx", True),
        ("from tests.checker import counting", True),
        ("from tests.checker.history import Call", True),
        ("from . import history", True),
        ("from infra.eventlog.reader import Reader", False),
        ("def late() -> None:\n    import domain.ids", False),
        ("from tests.faults.work import Work", False),
        ("from tests import faults", False),
    ],
)
def test_the_checkers_rule_itself(source: str, allowed: bool) -> None:
    imported = Module.parse("tests/checker/a.py", source).imports()
    assert all(checker_may_import(name) for _, name in imported) is allowed
