from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from infra.importing.errors import ImportFailed
from infra.importing.report import ImportReport, Totals, refused_path, write_refused
from infra.importing.rows import RefusedRow
from infra.importing.table import Line

REFUSED = RefusedRow(Line(3, ("x", 'say "no"')), "x is wrong, really")


def report(expected: Totals, ledger: Totals, *refused: RefusedRow) -> ImportReport:
    return ImportReport(
        rows=1, refused=refused, expected=expected, ledger=ledger, comparisons=(), commands=2, replayed=0, seconds=1.0
    )


def totals(billed: int) -> Totals:
    return Totals(customers=1, subscriptions=1, cancelled=0, invoices=2, billed=Counter({"USD": billed}))


def test_an_import_is_complete_when_the_totals_agree_and_no_row_was_refused() -> None:
    assert report(totals(10), totals(10)).complete
    assert not report(totals(10), totals(11)).agrees
    agreed = report(totals(10), totals(10), REFUSED)
    assert agreed.agrees
    assert not agreed.complete


def test_refused_rows_stand_beside_the_file_with_line_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_refused(path, ("id", "note"), [REFUSED])
    with refused_path(path).open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["line", "reason", "id", "note"], ["3", "x is wrong, really", "x", 'say "no"']]


def test_when_nothing_is_refused_any_more_no_old_refusals_remain(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    write_refused(path, ("id", "note"), [REFUSED])
    write_refused(path, ("id", "note"), [])
    assert not refused_path(path).exists()


def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="cannot be written"):
        write_refused(tmp_path / "none" / "in.csv", ("id",), [REFUSED])
