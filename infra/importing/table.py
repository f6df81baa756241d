"""CSV as RFC 4180 has it, read strictly: UTF-8 (with or without a byte order mark), a header, as many fields in each row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from infra.importing.errors import ImportFailed


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it stands in the file: its first line's number, from 1, and its fields; a ragged one has too few or too many."""

    number: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    header: tuple[str, ...]
    lines: tuple[Line, ...]


def read_table(path: Path, columns: Iterable[str]) -> Table:
    """The file's rows, without blank lines; raises ImportFailed where the file is no such CSV or lacks one of ``columns``."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(path, file)
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ImportFailed(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    if not lines:
        raise ImportFailed(f"{path} is empty: a header is wanted in its first line")
    header = lines[0].fields
    _check_header(path, header, columns)
    return Table(header, tuple(lines[1:]))


def _lines(path: Path, file: TextIO) -> list[Line]:
    reader = csv.reader(file, strict=True)
    found: list[Line] = []
    number = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                found.append(Line(number, tuple(fields)))
            number = reader.line_num + 1
    except csv.Error as error:
        raise ImportFailed(f"{path}, line {number}: not CSV: {error}") from error
    return found


def _check_header(path: Path, header: tuple[str, ...], columns: Iterable[str]) -> None:
    wanted = list(dict.fromkeys(columns))
    if missing := [name for name in wanted if name not in header]:
        raise ImportFailed(f"{path} has no column {', '.join(map(repr, missing))}; its header has {', '.join(map(repr, header))}")
    counts = Counter(header)
    if repeated := [name for name in wanted if counts[name] > 1]:
        raise ImportFailed(f"{path} names the column {repeated[0]!r} {counts[repeated[0]]} times")
