"""The project's Python files as syntax trees, for the rules that a linter cannot know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
SOURCE_PACKAGES = ("domain", "commands", "queries", "projections", "infra")


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One file: its path relative to the project's root, its text and its tree."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @classmethod
    def parse(cls, path: str, text: str) -> Module:
        return cls(PurePosixPath(path), text, ast.parse(text, path))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def package(self) -> str:
        return self.path.parts[0]

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, full dotted name) of everything imported anywhere in the file; ``from a import b`` gives ``a.b``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                for alias in node.names:
                    yield node.lineno, f"{base}.{alias.name}".strip(".")

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        above = self.path.parts[: -node.level]
        return ".".join([*above, *([node.module] if node.module else [])])


@cache
def _read(package: str) -> tuple[Module, ...]:
    files = sorted((ROOT / package).rglob("*.py"))
    return tuple(Module.parse(str(file.relative_to(ROOT)), file.read_text()) for file in files)


def modules(*packages: str) -> list[Module]:
    """All files of these top folders, in the order of their paths; a folder that does not exist has none."""
    return [module for package in packages for module in _read(package)]
