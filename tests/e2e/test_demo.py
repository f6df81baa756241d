"""The demo, small, against a ledger that runs as `subledger run` starts it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import count

import pytest

from infra.demo.catalog import TENANT
from infra.demo.load import DemoReport, Progress, load_demo
from infra.demo.people import YEAR, Year, people
from infra.ledger_client import LedgerClient
from tests.e2e.importing import get
from tests.e2e.running import Running, configured, started

pytestmark = pytest.mark.slow

SPRING = Year(YEAR.steps[:16], datetime(2025, 5, 1, tzinfo=UTC))
CUSTOMERS = 40


class Stopped(Exception):
    """Ctrl-C between two steps of a load."""


def load(running: Running, stop_at: int = -1) -> DemoReport:
    def progress(_: str, done: int, __: int) -> None:
        if done == stop_at:
            raise Stopped

    return asyncio.run(load_small(running, progress))


async def load_small(running: Running, progress: Progress = lambda *_: None) -> DemoReport:
    return await load_demo(running.url, running.admin_key, running.dsn, progress, customers=CUSTOMERS, year=SPRING)


def test_a_load_that_was_stopped_goes_on_and_a_complete_one_does_nothing(running: Running) -> None:
    for stop_at in (3, 9):
        with pytest.raises(Stopped):
            load(running, stop_at)
    done = load(running)
    again = load(running)

    assert (done.loaded, again.loaded) == (True, False)
    assert again.numbers == done.numbers
    assert (again.api_key, again.read_key, again.customer) == (done.api_key, done.read_key, done.customer)
    numbers = done.numbers
    assert numbers.customers == sum(numbers.subscriptions.values()) == sum(person.joins < 16 for person in people(CUSTOMERS))
    assert numbers.subscriptions["active"] > numbers.subscriptions["cancelled"] > 0
    assert numbers.invoices > numbers.customers
    assert all(0 < numbers.paid[currency] <= billed for currency, billed in numbers.billed.items())
    rows = dict(done.rows())
    assert rows["customers"] == str(numbers.customers)
    assert {"events", "invoices", "seconds"} <= rows.keys()


def test_stopped_in_the_middle_of_anything_it_comes_to_the_same(
    running: Running, postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    undisturbed = load(running)
    other = configured(tmp_path_factory.mktemp("other"), postgres_dsn)
    with started(other):
        limits, cut = count(1), 0
        while True:
            try:
                report = asyncio.run(asyncio.wait_for(load_small(other), next(limits) * 0.06))
            except TimeoutError:
                cut += 1
            else:
                break
    assert cut > 1
    assert report.numbers == undisturbed.numbers


def test_its_keys_and_examples_are_ones_to_try(running: Running) -> None:
    report = load(running)
    granted = get(running, report.read_key, f"/v1/customers/{report.customer}/entitlements")
    assert granted["data"]
    assert get(running, report.api_key, f"/v1/subscriptions/{report.subscription}")["customer"] == report.customer
    assert report.api_key not in repr(report)


def test_the_tenant_is_the_demos_own(running: Running) -> None:
    load(running)

    async def tenant() -> str:
        async with LedgerClient(running.url, running.admin_key, tenant=TENANT) as admin:
            return str((await admin.get(f"/v1/tenants/{TENANT}")).body["name"])

    assert asyncio.run(tenant()) == "Demo"
