"""Rows as the mapping reads them: who, how many periods, at which price. What cannot be read is refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pydantic import TypeAdapter, ValidationError

from domain.errors import RuleViolated
from domain.money import Currency, Money
from domain.pricing import calendar
from infra.importing.amounts import parse_amount
from infra.importing.errors import ImportFailed
from infra.importing.mapping import PERSONAL, ImportMapping
from infra.importing.table import Line, Table

EXTERNAL_ID_MAX = 200
_WHOLE = re.compile(r"[0-9]{1,9}")
_CURRENCY: TypeAdapter[str] = TypeAdapter(Currency)


@dataclass(frozen=True, slots=True)
class Row:
    """One subscriber: ``periods`` begun before the import's instant, the first of them at ``start_at``.

    ``compare`` is what the old system says it billed, where the file says so.
    """

    line: Line
    external_id: str
    periods: int
    start_at: datetime
    price: Money
    cancelled: bool
    personal: Mapping[str, str]
    compare: Money | None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not imported, or not to its end, and why."""

    line: Line
    reason: str


def read_rows(table: Table, mapping: ImportMapping, as_of: datetime) -> tuple[list[Row], list[RefusedRow]]:
    """The rows to import and the refused ones. Raises ImportFailed where ``as_of`` is a day that not every month has."""
    reader = _Reader(table, mapping, as_of)
    rows: list[Row] = []
    refused: list[RefusedRow] = []
    for line in table.lines:
        try:
            rows.append(reader.row(line))
        except (ValueError, RuleViolated) as error:
            refused.append(RefusedRow(line, str(error)))
    return _without_duplicates(rows, refused)


def _without_duplicates(rows: Iterable[Row], refused: list[RefusedRow]) -> tuple[list[Row], list[RefusedRow]]:
    """Which of several rows with one external id is the right one cannot be known: none is taken."""
    by_id: dict[str, list[Row]] = {}
    for row in rows:
        by_id.setdefault(row.external_id, []).append(row)
    for same in by_id.values():
        if len(same) > 1:
            lines = ", ".join(str(row.line.number) for row in same)
            refused += [RefusedRow(row.line, f"{row.external_id!r} stands in lines {lines}") for row in same]
    accepted = [same[0] for same in by_id.values() if len(same) == 1]
    return accepted, sorted(refused, key=lambda one: one.line.number)


class _Reader:
    def __init__(self, table: Table, mapping: ImportMapping, as_of: datetime) -> None:
        self._width = len(table.header)
        self._mapping = mapping
        self._index = {name: table.header.index(name) for name in mapping.names()}
        self._start_at = _starts(mapping, as_of)

    def row(self, line: Line) -> Row:
        """Raises ValueError or RuleViolated with what is wrong."""
        if len(line.fields) != self._width:
            raise ValueError(f"{len(line.fields)} fields, the header has {self._width}")
        columns, cancelled = self._mapping.columns, self._mapping.cancelled
        currency = self._currency(line)
        count = self._periods(self._text(line, columns.periods))
        compare = self._text(line, columns.compare_total) if columns.compare_total else ""
        return Row(
            line=line,
            external_id=self._external_id(line),
            periods=count,
            start_at=self._start_at(count),
            price=parse_amount(self._text(line, columns.amount), currency),
            cancelled=cancelled is not None and self._text(line, cancelled.column) == cancelled.value,
            personal=self._personal(line),
            compare=parse_amount(compare, currency) if compare else None,
        )

    def _text(self, line: Line, column: str) -> str:
        return line.fields[self._index[column]].strip()

    def _external_id(self, line: Line) -> str:
        column = self._mapping.columns.external_id
        id = self._text(line, column)
        if not id:
            raise ValueError(f"{column} is blank")
        if len(id) > EXTERNAL_ID_MAX:
            raise ValueError(f"{column} has more than {EXTERNAL_ID_MAX} characters")
        return id

    def _currency(self, line: Line) -> str:
        if self._mapping.columns.currency is None:
            assert self._mapping.currency is not None
            return self._mapping.currency
        code = self._text(line, self._mapping.columns.currency)
        try:
            return _CURRENCY.validate_python(code)
        except ValidationError:
            raise ValueError(f"{code!r} is not an ISO 4217 currency with minor units") from None

    def _periods(self, text: str) -> int:
        if not _WHOLE.fullmatch(text):
            raise ValueError(f"{text!r} is not a number of periods")
        return int(text)

    def _personal(self, line: Line) -> dict[str, str]:
        given = self._mapping.columns.personal
        columns = {field: column for field in PERSONAL if (column := getattr(given, field)) is not None}
        return {field: text for field, column in columns.items() if (text := self._text(line, column))}


def _starts(mapping: ImportMapping, as_of: datetime) -> Callable[[int], datetime]:
    """The begin of a subscription with so many periods begun before ``as_of``, computed as the ledger computes them."""
    timezone, interval = mapping.storefront.timezone, mapping.interval

    @cache
    def start_at(count: int) -> datetime:
        start = calendar.add(as_of, timezone, interval.unit, -count * interval.count)
        counted = calendar.Calendar(anchor=start, timezone=timezone, interval=interval)
        begun = counted.index_at(as_of - timedelta.resolution) + 1 if start < as_of else 0
        if begun != count:
            raise ImportFailed(
                f"{count} periods that end at {as_of.isoformat()} cannot be counted back ({start.isoformat()} begins {begun}): "
                "take a day of the month that every month has, 28 at most, and an hour that no clock change repeats"
            )
        return start

    return start_at
