"""A line's formula in words, and reckoned again from its numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.invoice.events import Line
from domain.pricing.formula import Formula
from queries.explain import sentences

FROM, UNTIL = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 13, tzinfo=UTC)
MONTH: dict[str, Any] = {"whole_start": "2026-01-13T00:00:00Z", "whole_end": "2026-02-13T00:00:00Z"}
FEE: dict[str, Any] = {"quantity": "1", "unit_amount": "999", "flat_amount": 0}


def line(amount: int, rounding: str = "half_up", posted: Any = (), withheld: int = 0, **part: Any) -> Line:
    whole = {"start": FROM, "end": UNTIL, "quantity": "1", "share": "1", "before": "0", "amount": amount}
    formula = {"rounding": rounding, "parts": [whole | part] if part else [], "posted": posted, "withheld": withheld}
    return Line(
        kind="recurring", description="Gold", period_start=FROM, period_end=UNTIL, amount=amount,
        formula=Formula.model_validate(formula),
    )  # fmt: skip


PART_OF_A_MONTH = line(387, **MONTH, steps=[FEE], share="12/31")
CASES = [
    (line(999, steps=[FEE]), ["1 x 9.99 EUR = 9.99 EUR.", "rounded half up, 9.99 EUR."]),
    (
        PART_OF_A_MONTH,
        ["12/31 of 2026-01-13T00:00:00Z to 2026-02-13T00:00:00Z", "3.86709677 EUR is, rounded half up, 3.87"],
    ),
    (
        line(100, steps=[{"quantity": "100", "unit_amount": "0.5", "flat_amount": 50}]),
        ["100 x 0.005 EUR and 0.50 EUR = 1.00 EUR."],
    ),
    (
        line(-200, off={"percent": "20", "amount": None, "left": "999", "taken": "0"}),
        ["20 % off 9.99 EUR.", "-1.998 EUR is, rounded half up, -2.00 EUR."],
    ),
    (
        line(-250, off={"percent": None, "amount": 300, "left": "999", "taken": "50"}),
        ["3.00 EUR off 9.99 EUR, of which 0.50 EUR was taken off other charges."],
    ),
    (
        line(334, steps=[{"quantity": "1", "unit_amount": "1000", "flat_amount": 0}], share="1/3", before="1000/3"),
        ["6.66666667 EUR is, rounded half up, 6.67 EUR, less 3.33 EUR for what was before in the period."],
    ),
    (
        line(2, "half_even", steps=[{"quantity": "1", "unit_amount": "2.5", "flat_amount": 0}]),
        ["0.025 EUR is, rounded half even, 0.02 EUR."],
    ),
    (
        line(-512, posted=[{"invoice": "inv_1", "amount": 999, "waived": 100}], steps=[FEE], share="487/999"),
        ["Less 9.99 EUR, which stands on inv_1, of which credit notes gave up 1.00 EUR."],
    ),
    (
        line(-899, posted=[{"invoice": "inv_1", "amount": 999, "waived": 100}], withheld=100),
        ["Plus 1.00 EUR, which credit notes gave up already.", "Together: -8.99 EUR."],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), CASES, ids=range(len(CASES)))
def test_it_comes_to_the_amount_and_says_why(line: Line, said: list[str]) -> None:
    assert line.formula is not None
    assert line.formula.amount() == line.amount
    text = " ".join(sentences(line, "EUR"))
    for each in said:
        assert each in text


def test_a_changed_number_comes_to_another_amount() -> None:
    assert PART_OF_A_MONTH.formula is not None
    (part,) = PART_OF_A_MONTH.formula.parts
    for change in ({"share": "13/31"}, {"before": "1/2"}, {"steps": ()}):
        assert Formula(rounding="half_up", parts=(part.model_copy(update=change),)).amount() != 387


def test_amounts_have_the_digits_of_their_currency() -> None:
    assert "9990 JPY" in " ".join(sentences(line(9990, steps=[FEE | {"unit_amount": "9990"}]), "JPY"))
    assert "0.999 BHD" in " ".join(sentences(line(999, steps=[FEE]), "BHD"))


def test_what_a_client_named_says_so() -> None:
    named = Line(kind="one_off", description="Installation", period_start=FROM, period_end=FROM, amount=4900)
    assert list(sentences(named, "EUR")) == ["49.00 EUR is what a client named."]
