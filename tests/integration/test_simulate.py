"""`subledger simulate` as people run it: the real ledger, in a folder that is thrown away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.simulate.plan import PlanInvalid, load_plan
from infra.simulate.run import simulate

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PLAN: dict[str, Any] = {
    "start": "2026-01-31T00:00:00+01:00",
    "timezone": "Europe/Berlin",
    "catalog": {
        "storefronts": [{"id": "web", "name": "Web", "timezone": "Europe/Berlin", "retry_after_s": []}],
        "bundles": [{"id": "gold", "storefront": "web", "name": "Gold"}],
        "prices": [
            {"id": "gold", "bundle": "gold", "amount": {"amount": 1000, "currency": "EUR"}, "interval": {"unit": "month"}},
        ],
    },
    "population": [
        {
            "name": "loyal",
            "storefront": "web",
            "at_start": 3,
            "each_month": 1,
            "subscription": {"price": "gold"},
            "payments": [{"token": "sim_ok", "weight": 1}],
        },
        {
            "name": "short",
            "storefront": "web",
            "at_start": 1,
            "subscription": {"price": "gold"},
            "payments": [{"token": None, "weight": 1}],
            "actions": [{"command": "pause", "month": 1}, {"command": "cancel", "body": {"at": "now"}, "month": 1}],
        },
        {
            "name": "mixed",
            "storefront": "web",
            "at_start": 20,
            "subscription": {"price": "gold"},
            "payments": [{"token": "sim_ok", "weight": 1}, {"token": "sim_decline", "weight": 1}],
            "actions": [{"command": "cancel", "body": {"at": "period_end"}, "share": "0.5"}],
        },
    ],
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli", "simulate", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def planned(folder: Path, population: list[dict[str, Any]]) -> str:
    path = folder / "plan.json"
    path.write_text(json.dumps({**PLAN, "population": population}))
    return str(path)


def test_the_months_of_a_small_population(tmp_path: Path) -> None:
    # given three who pay, one more each month, and one without a payment method who is refused a pause and leaves
    plan = planned(tmp_path, PLAN["population"][:2])
    # when
    done = run(plan, "--months", "3", "--json")
    # then months begin on the 31st or on their last day, and who joined on 28 February is billed on 28 March already
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["refused"] == {"pause: wrong-subscription-state": 1}
    columns = ("begins", "subscriptions", "churned", "invoiced", "collected", "open")
    assert [tuple(month[name] for name in columns) for month in found["months"]] == [
        ("2026-01-31T00:00:00+01:00", {"active": 3, "suspended": 1}, 0, 4000, 3000, 1000),
        ("2026-02-28T00:00:00+01:00", {"active": 4}, 1, 5000, 5000, 1000),
        ("2026-03-31T00:00:00+02:00", {"active": 5}, 0, 5000, 5000, 1000),
    ]


def test_a_seed_repeats_what_chance_did(tmp_path: Path) -> None:
    plan = load_plan(Path(planned(tmp_path, PLAN["population"][2:])))
    first, again, other = (simulate(plan, 2, seed, lambda *_: None) for seed in (7, 7, 8))

    assert first == again
    assert first.months != other.months


def test_what_the_ledger_refuses_of_a_plan_ends_it(tmp_path: Path) -> None:
    plan = load_plan(Path(planned(tmp_path, [{**PLAN["population"][0], "subscription": {"price": "silver"}}])))

    with pytest.raises(PlanInvalid, match="group 'loyal' of the population: price-not-found"):
        simulate(plan, 1, 0, lambda *_: None)


def test_a_wrong_plan_is_told_in_one_line(tmp_path: Path) -> None:
    done = run(planned(tmp_path, []))

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"subledger: {tmp_path}/plan.json: /population: ")
