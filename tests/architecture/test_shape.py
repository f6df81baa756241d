"""Sizes that keep a reader's screen enough, and constructs that the design rules out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import SOURCE_PACKAGES, Module, modules

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
EVERYTHING = modules(*SOURCE_PACKAGES, "tests", "bench")
SOURCE = modules(*SOURCE_PACKAGES)


def too_large(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{lines} lines, {FILE_LINES_MAX} are allowed"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"line {node.lineno}: {node.name} has {length} lines, {FUNCTION_LINES_MAX} are allowed"


def swallowed(module: Module) -> Iterator[str]:
    """Handlers of every error that do nothing: ``except:``, ``except Exception`` or ``suppress(Exception)``."""
    everything = {"Exception", "BaseException"}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else everything
            idle = all(isinstance(step, ast.Pass | ast.Continue) or is_ellipsis(step) for step in node.body)
            if caught & everything and idle:
                yield f"line {node.lineno}: an error is swallowed"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            named = {ast.unparse(argument) for argument in node.args}
            if everything & named:
                yield f"line {node.lineno}: an error is swallowed"


def is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)


@pytest.mark.parametrize("module", EVERYTHING, ids=str)
def test_files_and_functions_stay_small(module: Module) -> None:
    found = list(too_large(module))
    assert not found, f"{module}: {found}"


@pytest.mark.parametrize("module", EVERYTHING, ids=str)
def test_no_error_is_swallowed(module: Module) -> None:
    found = list(swallowed(module))
    assert not found, f"{module}: {found}"


@pytest.mark.parametrize("module", SOURCE, ids=str)
def test_middleware_is_pure_asgi(module: Module) -> None:
    names = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    names |= {name.rpartition(".")[2] for _, name in module.imports()}
    names |= {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    assert "BaseHTTPMiddleware" not in names, f"{module}: it injects cancellation into handlers and hides disconnects"


@pytest.mark.parametrize("module", [module for module in SOURCE if module.path.name == "__init__.py"], ids=str)
def test_a_package_says_what_it_owns(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module} has no docstring"


@pytest.mark.parametrize(
    ("source", "clean"),
    [
        ("try: f()\nexcept Exception: pass", False),
        ("try: f()\nexcept: ...", False),
        ("try: f()\nexcept (ValueError, Exception):\n    'nothing'", False),
        ("with suppress(Exception): f()", False),
        ("try: f()\nexcept ValueError: pass", True),
        ("try: f()\nexcept Exception as error: report(error)", True),
        ("with suppress(ProcessLookupError): f()", True),
    ],
)
def test_swallowing_is_found(source: str, clean: bool) -> None:
    assert (not list(swallowed(Module.parse("infra/a.py", source)))) is clean


def test_large_ones_are_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES_MAX
    assert list(too_large(Module.parse("infra/a.py", f"def f():\n{body}")))
    assert list(too_large(Module.parse("infra/a.py", "x = 1\n" * (FILE_LINES_MAX + 1))))
    assert not list(too_large(Module.parse("infra/a.py", "x = 1\n" * FILE_LINES_MAX)))
