from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.importing.generate import generate, main
from infra.importing.mapping import load_mapping
from infra.importing.rows import read_rows
from infra.importing.table import read_table

TELCO = Path(__file__).parents[3] / "docs" / "how-to" / "telco.toml"


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("1.csv", "2.csv", "3.csv"))
    assert generate(first, 50, seed=7) == generate(second, 50, seed=7)
    generate(other, 50, seed=8)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_control_total_is_that_of_the_file_as_the_import_reads_it(tmp_path: Path, seed: int) -> None:
    total = generate(tmp_path / "g.csv", 200, seed)
    mapping = load_mapping(TELCO)
    rows, refused = read_rows(read_table(tmp_path / "g.csv", mapping.names()), mapping, datetime(2026, 1, 1, tzinfo=UTC))
    assert not refused
    assert len(rows) == total.customers == 200
    assert sum(row.cancelled for row in rows) == total.cancelled > 0
    assert sum(row.periods for row in rows) == total.invoices
    assert sum(row.periods * row.price.amount for row in rows) == total.billed
    assert sum(row.compare.amount for row in rows if row.compare) == total.compared
    assert {row.compare is None for row in rows if row.periods == 0} == {True}
    assert all(row.compare and row.compare.amount == row.price.amount for row in rows if row.periods == 1)


def test_it_is_a_program_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["generate", str(tmp_path / "g.csv"), "--rows", "10"])
    main()
    assert len((tmp_path / "g.csv").read_text().splitlines()) == 11
    assert capsys.readouterr().out.startswith("10 customers, ")
