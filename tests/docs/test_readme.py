"""What the README shows of `make run` is what it prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra import embedded
from infra.demo.load import DemoReport
from infra.demo.numbers import Numbers
from infra.settings import load_settings
from infra.terminal import console
from tests.docs.pages import ROOT, blocks, differences

STATES = ("active", "cancelled", "expired", "grace", "suspended", "trial")
MONEY: Mapping[str, int] = {"EUR": 100, "USD": 200}
ID = "0123456789abcdef"


def test_the_readme_shows_what_make_run_prints() -> None:
    # given the default settings, and what a load came to
    settings = load_settings(state=Path(".subledger"))
    numbers = Numbers(customers=1000, subscriptions=dict.fromkeys(STATES, 1), invoices=1, billed=MONEY, paid=MONEY, events=1)
    keys = {"api_key": f"sl_sandbox_demo_{ID}", "read_key": f"sl_sandbox_demo_{ID}"}
    report = DemoReport(True, 1.0, numbers, **keys, customer=f"cus_{ID}", subscription=f"sub_{ID}")
    # when it is told
    with console.capture() as told:
        embedded._print_urls(settings)
        embedded._print_report(report)
        embedded._print_curls(report, embedded.origin_url(settings))
    # then the README shows it, up to the numbers
    [shown] = [block.text for block in blocks(ROOT / "README.md") if "what it did" in block.text]
    shown, last, _ = shown.partition("\nCtrl-C")
    assert last
    assert differences(shown, told.get()) == []
    assert len(shown.split()) == len(told.get().split())
