"""The import against a ledger that runs as `subledger run` starts it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import httpx
import pytest

from infra.demo.numbers import Numbers, read_numbers
from infra.importing.errors import ImportFailed
from infra.importing.generate import ControlTotal, generate
from infra.importing.report import ImportReport, refused_path
from tests.e2e.importing import TELCO, assert_each_as_the_file_says, get, import_file, position
from tests.e2e.running import Running

pytestmark = pytest.mark.slow

ROWS = 24
_tenants = count(1)


@pytest.fixture
def tenant() -> str:
    return f"import-{next(_tenants)}"


@pytest.fixture
def key(running: Running, tenant: str) -> str:
    return running.tenant_key(tenant)


@pytest.fixture
def file(tmp_path: Path) -> tuple[Path, ControlTotal]:
    path = tmp_path / "subscribers.csv"
    return path, generate(path, ROWS)


def assert_holds(report: ImportReport, total: ControlTotal) -> None:
    assert report.complete
    found = report.ledger
    assert (found.customers, found.subscriptions, found.cancelled) == (total.customers, total.customers, total.cancelled)
    assert (found.invoices, found.billed) == (total.invoices, {"USD": total.billed})


def shown(running: Running, tenant: str, key: str) -> Numbers:
    """The read models' numbers once they have caught up."""
    get(running, key, "/v1/customers", {"limit": "1"}, at=position(running, key))
    return read_numbers(running.dsn, tenant)


def test_the_ledger_holds_what_the_file_says(running: Running, tenant: str, key: str, file: tuple[Path, ControlTotal]) -> None:
    path, total = file
    steps: list[tuple[int, int]] = []
    report = import_file(running, key, path, steps=steps)

    assert_holds(report, total)
    assert [each.as_json()["total"] for each in report.comparisons] == [total.compared]
    assert [done for done, _ in steps] == list(range(steps[-1][1] + 1))
    numbers = shown(running, tenant, key)
    assert (numbers.customers, numbers.invoices) == (total.customers, total.invoices)
    assert numbers.billed == numbers.paid == {"USD": total.billed}
    assert numbers.subscriptions == {"active": ROWS - total.cancelled, "cancelled": total.cancelled}


def test_each_customer_was_billed_tenure_times_charge_and_who_left_has_no_access(
    running: Running, tenant: str, key: str, file: tuple[Path, ControlTotal]
) -> None:
    path, _ = file
    import_file(running, key, path)
    shown(running, tenant, key)
    assert_each_as_the_file_says(running.dsn, tenant, path)
    with path.open(newline="") as lines:
        subscribers = list(csv.DictReader(lines))
    for left in ("Yes", "No"):
        subscriber = next(each for each in subscribers if each["Churn"] == left)
        asked = {"storefront": "telco", "external_id": subscriber["customerID"]}
        customer = get(running, key, "/v1/customers", asked)["data"][0]["id"]
        check = get(running, key, f"/v1/customers/{customer}/entitlements/telco-service")
        assert check["granted"] is (left == "No")


def test_a_second_run_changes_nothing(running: Running, tenant: str, key: str, file: tuple[Path, ControlTotal]) -> None:
    path, total = file
    first = import_file(running, key, path)
    before = shown(running, tenant, key)
    again = import_file(running, key, path)

    assert (first.replayed, again.replayed) == (0, again.commands)
    assert_holds(again, total)
    assert shown(running, tenant, key) == before


class CutOff(httpx.AsyncBaseTransport):
    """A network that breaks after so many requests: the ledger still gets the last one, its answer is lost."""

    def __init__(self, requests: int) -> None:
        self._left = requests
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        if self._left < 0:
            raise httpx.ConnectError("cut off")
        response = await self._inner.handle_async_request(request)
        if self._left == 0:
            await response.aread()
            raise httpx.ReadError("cut off")
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.parametrize("requests", [3, 7, 8, 9])
def test_stopped_anywhere_the_next_run_completes_it(
    running: Running, key: str, file: tuple[Path, ControlTotal], requests: int
) -> None:
    path, total = file
    with pytest.raises(ImportFailed, match="run it again"):
        import_file(running, key, path, transport=CutOff(requests), connections=4, patience_s=0)
    report = import_file(running, key, path)

    assert_holds(report, total)
    assert report.replayed <= report.commands


BROKEN = """\
customerID,tenure,MonthlyCharges,TotalCharges,Churn
good-1,2,10.00,20.00,No
bad-amount,2,10.005,20.00,No
bad-tenure,two,10.00,20.00,No
ragged,2,10.00
"bad\\u0000id",1,10.00,10.00,No
twice,1,10.00,10.00,No
twice,1,10.00,10.00,No
good-2,1,10.00,10.00,Yes
""".replace("\\u0000", "\0")


def test_wrong_rows_stand_beside_the_file_and_stop_no_other(running: Running, key: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text(BROKEN)
    report = import_file(running, key, path)

    assert not report.complete
    assert (report.ledger.customers, report.ledger.invoices, report.ledger.billed) == (2, 3, {"USD": 3000})
    with refused_path(path).open(newline="") as lines:
        refused = {row["line"]: row["reason"] for row in csv.DictReader(lines)}
    assert list(refused) == ["3", "4", "5", "6", "7", "8"]
    assert "decimals" in refused["3"]
    assert "number of periods" in refused["4"]
    assert "fields" in refused["5"]
    assert "U+0000" in refused["6"]

    path.write_text(BROKEN.splitlines(keepends=True)[0] + "good-1,2,10.00,20.00,No\nbad-amount,2,10.01,20.00,No\n")
    mended = import_file(running, key, path)
    assert mended.complete
    assert mended.replayed == 2
    assert not refused_path(path).exists()


def test_a_row_that_was_imported_with_other_values_is_refused(running: Running, key: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("customerID,tenure,MonthlyCharges,TotalCharges,Churn\nx,2,10.00,20.00,No\n")
    assert import_file(running, key, path).complete
    path.write_text("customerID,tenure,MonthlyCharges,TotalCharges,Churn\nx,3,10.00,30.00,No\n")
    report = import_file(running, key, path)
    assert [one.reason.partition(":")[0] for one in report.refused] == ["idempotency-key-reused"]
    assert not report.agrees


def test_without_history_it_begins_at_the_instant_and_who_left_gets_no_subscription(
    running: Running, tenant: str, key: str, file: tuple[Path, ControlTotal]
) -> None:
    path, total = file
    report = import_file(running, key, path, bill_history=False)
    assert report.complete
    assert report.ledger.subscriptions == report.ledger.invoices == ROWS - total.cancelled
    numbers = shown(running, tenant, key)
    assert (numbers.customers, numbers.invoices) == (ROWS, ROWS - total.cancelled)
    assert numbers.billed == report.ledger.billed


def test_personal_data_and_other_zones_and_currencies_come_along(running: Running, key: str, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    text = TELCO.read_text().replace('currency = "USD"\n', "").replace('timezone = "UTC"', 'timezone = "Europe/Berlin"')
    mapping.write_text(text.replace("[columns]", '[columns]\ncurrency = "Cur"\npersonal = { name = "Name", email = "Mail" }'))
    path = tmp_path / "p.csv"
    path.write_text(
        "customerID,tenure,MonthlyCharges,TotalCharges,Churn,Cur,Name,Mail\n"
        "jp,2,500,1000,No,JPY,Ada Lovelace,ada@example.com\nde,14,9.99,139.86,No,EUR,,\n"
    )
    report = import_file(running, key, path, mapping=mapping)
    assert report.complete
    assert report.ledger.billed == {"JPY": 1000, "EUR": 13986}
    at = position(running, key)
    found = {body["external_id"]: body for body in get(running, key, "/v1/customers", at=at)["data"]}
    assert found["jp"]["personal"] == {"name": "Ada Lovelace", "email": "ada@example.com", "phone": None, "address": None}
    assert found["de"]["timezone"] == "Europe/Berlin"


@pytest.mark.parametrize("permissions", [("read", "write"), ("read",)])
def test_a_key_that_may_not_stops_the_import_at_once(
    running: Running, tenant: str, file: tuple[Path, ControlTotal], permissions: tuple[str, ...]
) -> None:
    path, _ = file
    with pytest.raises(ImportFailed, match=r"backdating-not-permitted|permission-missing"):
        import_file(running, running.tenant_key(tenant, *permissions), path)
    assert not refused_path(path).exists()


def test_a_wrong_key_stops_the_import_at_once(running: Running, file: tuple[Path, ControlTotal]) -> None:
    with pytest.raises(ImportFailed, match="unauthenticated"):
        import_file(running, "sl_sandbox_acme_" + "0" * 40, file[0])


def test_a_clock_that_stands_elsewhere_stops_the_import(running: Running, key: str, file: tuple[Path, ControlTotal]) -> None:
    import_file(running, key, file[0])
    with pytest.raises(ImportFailed, match="stands at 2026-01-01T00:00:00Z, not at 2026-02-01"):
        import_file(running, key, file[0], as_of=datetime(2026, 2, 1, tzinfo=UTC))


def test_an_instant_without_a_zone_is_refused(running: Running, key: str, file: tuple[Path, ControlTotal]) -> None:
    with pytest.raises(ImportFailed, match="time zone"):
        import_file(running, key, file[0], as_of=datetime(2026, 1, 1))
