"""Plans: the sample is one, and what is wrong with another is told in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.simulate.plan import SAMPLE, PlanInvalid, load_plan


def written(folder: Path, **changed: Any) -> Path:
    """The sample with other fields, in a file."""
    path = folder / "plan.json"
    path.write_text(json.dumps({**json.loads(SAMPLE.read_text()), **changed}))
    return path


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"start": "2026-01-01"}, "/start: Input should have timezone info"),
        ({"timezone": "Europe/Bonn"}, "/timezone: Value error, 'Europe/Bonn' is not an IANA time zone."),
        ({"population": []}, "/population: Tuple should have at least 1 item"),
        ({"population": [{"name": "a"}]}, "/population/0/storefront: Field required; /population/0/subscription: Field required"),
        ({"catalog": {"prices": []}}, "/catalog/storefronts: Field required"),
        ({"campaigns": []}, "/campaigns: Extra inputs are not permitted"),
    ],
)
def test_a_field_at_fault_is_named(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as refused:
        load_plan(written(tmp_path, **changed))
    assert told in str(refused.value)


def test_groups_have_names_of_their_own(tmp_path: Path) -> None:
    group = json.loads(SAMPLE.read_text())["population"][0]
    with pytest.raises(PlanInvalid, match="a name of its own"):
        load_plan(written(tmp_path, population=[group, group]))


def test_what_is_no_json_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(PlanInvalid, match="Invalid JSON"):
        load_plan(tmp_path / "plan.json")
    with pytest.raises(PlanInvalid, match="cannot be read"):
        load_plan(tmp_path / "nowhere.json")
