"""What an import came to: the control total as the file says and as the ledger answered, and the refused rows beside it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.importing.errors import ImportFailed
from infra.importing.rows import RefusedRow, Row


@dataclass(slots=True)
class Totals:
    """``billed``: minor units by currency."""

    customers: int = 0
    subscriptions: int = 0
    cancelled: int = 0
    invoices: int = 0
    billed: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {
            "customers": self.customers,
            "subscriptions": self.subscriptions,
            "cancelled": self.cancelled,
            "invoices": self.invoices,
            "billed": dict(sorted(self.billed.items())),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the file says the old system billed (``total``, over the ``rows`` that say so), beside what the ledger billed."""

    column: str
    currency: str
    rows: int
    total: int
    billed: int

    @property
    def ratio(self) -> float | None:
        """Billed ÷ the file's total, for a reader; None where that is 0."""
        return self.billed / self.total if self.total else None

    def as_json(self) -> dict[str, Any]:
        own = {"column": self.column, "currency": self.currency, "rows": self.rows, "total": self.total, "billed": self.billed}
        return {**own, "difference": self.billed - self.total, "ratio": self.ratio}


@dataclass(frozen=True, slots=True)
class ImportReport:
    """``expected`` is of the rows that could be read, ``ledger`` of what the ledger answered; ``replayed``: answers to commands
    that an earlier run had already done.
    """

    rows: int
    refused: tuple[RefusedRow, ...]
    expected: Totals
    ledger: Totals
    comparisons: tuple[Comparison, ...]
    commands: int
    replayed: int
    seconds: float

    @property
    def agrees(self) -> bool:
        """The control total: the ledger holds what the file says."""
        return self.expected == self.ledger

    @property
    def complete(self) -> bool:
        """Every row was imported and the control total agrees."""
        return self.agrees and not self.refused

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "refused": [{"line": one.line.number, "reason": one.reason} for one in self.refused],
            "expected": self.expected.as_json(),
            "ledger": self.ledger.as_json(),
            "agrees": self.agrees,
            "complete": self.complete,
            "comparisons": [comparison.as_json() for comparison in self.comparisons],
            "commands": self.commands,
            "replayed": self.replayed,
            "seconds": round(self.seconds, 3),
        }


def compare(column: str | None, rows: Iterable[Row], billed: Counter[str]) -> tuple[Comparison, ...]:
    """By currency, what the file's own column of totals sums up to."""
    if column is None:
        return ()
    totals: dict[str, list[int]] = {}
    for row in rows:
        if row.compare is not None:
            totals.setdefault(row.compare.currency, []).append(row.compare.amount)
    return tuple(
        Comparison(column, currency, len(found), sum(found), billed[currency]) for currency, found in sorted(totals.items())
    )


def refused_path(csv_path: Path) -> Path:
    """Where a file's refused rows go."""
    return csv_path.with_name(f"{csv_path.name}.refused.csv")


def write_refused(csv_path: Path, header: Iterable[str], refused: Iterable[RefusedRow]) -> None:
    """Put the refused rows (line, reason, the row) beside the file; where there are none, none of an earlier run remain.

    Raises ImportFailed where that cannot be written.
    """
    path, rows = refused_path(csv_path), [[one.line.number, one.reason, *one.line.fields] for one in refused]
    try:
        if not rows:
            path.unlink(missing_ok=True)
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["line", "reason", *header], *rows])
    except OSError as error:
        raise ImportFailed(f"{path} cannot be written: {error.strerror}") from error
