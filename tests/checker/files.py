"""A history as a folder, so that a run can be judged again later and elsewhere:

records.jsonl   a line for each record: partition, offset, key, headers, value (base64)
calls.jsonl     a line for each call, with the names of `Call`
book.sqlite     the payment simulator's own file, if there was a provider
run.json        all the rest: secret, states, digests, fenced, settled_at
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.checker.history import Book, Call, Capture, Charge, History, ReaderState, Record

RECORDS, CALLS, BOOK, RUN = "records.jsonl", "calls.jsonl", "book.sqlite", "run.json"


def load(folder: Path) -> History:
    """The history in a folder; what is not there is empty. Raises OSError, ValueError."""
    records: dict[str, list[Record]] = defaultdict(list)
    for found in _lines(folder / RECORDS):
        records[found["partition"]].append(Record(**found | {"value": base64.b64decode(found["value"])}))
    run = json.loads((folder / RUN).read_text("utf-8"))
    return History(
        records=records,
        calls=load_calls(folder),
        secret=run["secret"].encode(),
        book=read_book(folder / BOOK) if (folder / BOOK).exists() else None,
        states=[ReaderState(**state) for state in run.get("states", ())],
        digests=run.get("digests", {}),
        fenced=run.get("fenced", True),
        settled_at=run.get("settled_at", ""),
    )


def load_calls(folder: Path) -> list[Call]:
    """The calls alone."""
    return [Call(**found) for found in _lines(folder / CALLS)]


def save(history: History, folder: Path) -> None:
    """Write a history, but for the book, which is the provider's to write."""
    folder.mkdir(parents=True, exist_ok=True)
    save_records(history.records, folder)
    write_lines(folder / CALLS, (asdict(call) for call in history.calls))
    run = {
        "secret": history.secret.decode(),
        "states": [asdict(state) for state in history.states],
        "digests": history.digests,
        "fenced": history.fenced,
        "settled_at": history.settled_at,
    }
    (folder / RUN).write_text(json.dumps(run, indent=1), "utf-8")


def save_records(records: Mapping[str, Sequence[Record]], folder: Path) -> None:
    """The records alone."""
    each = (record for partition in records.values() for record in partition)
    write_lines(folder / RECORDS, (asdict(record) | {"value": base64.b64encode(record.value).decode()} for record in each))


def read_book(path: Path) -> Book:
    """The payment simulator's book. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        charges = connection.execute("SELECT key, account, token, amount, currency, mismatches FROM charges ORDER BY key")
        captures = connection.execute("SELECT key, amount, currency FROM captures ORDER BY number")
        return Book([Charge(*row) for row in charges], [Capture(*row) for row in captures])


def write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)
