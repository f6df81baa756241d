"""What the query API answers, over the story of two tenants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from domain.invoice.aggregate import Invoice
from domain.subscription.values import Pause
from tests.integration.queries.conftest import ADMIN_KEY, NOW, Client
from tests.integration.queries.test_http import check_problem
from tests.read_models.story import DAY, T0, TERMS, Life, Writer


def listed(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def test_a_customer_in_clear(client: Client, troubled: str) -> None:
    answer = client.get(f"/v1/customers/{troubled}")
    assert answer.json() == {
        "object": "customer",
        "id": troubled,
        "external_id": "crm-1",
        "storefront": "web",
        "timezone": "Europe/Berlin",
        "test_clock": "clk_1",
        "personal": {"name": "Ada Lovelace", "email": "ada@example.com", "phone": None, "address": None},
        "payment_method": None,
        "billing_day": None,
        "billed_together": False,
        "created": "2026-01-01T00:00:00Z",
        "version": 3,
    }
    assert answer.headers["ETag"] == '"3"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_customer_by_the_clients_own_id(client: Client, troubled: str) -> None:
    assert [found["id"] for found in listed(client, "/v1/customers?external_id=crm-1&storefront=web")] == [troubled]
    assert listed(client, "/v1/customers?external_id=crm-1&storefront=app") == []


def test_one_invoice_is_one_document(client: Client, troubled: str) -> None:
    (invoice,) = listed(client, f"/v1/invoices?customer={troubled}")
    assert invoice["number"].endswith("-0001")
    assert invoice["status"] == "paid"
    assert invoice["total"] == {"amount": 1000, "currency": "EUR"}
    assert invoice["open"] == {"amount": 0, "currency": "EUR"}
    (line,) = invoice["lines"]
    assert line["period"] == {"start": "2026-01-15T00:00:00Z", "end": "2026-02-15T00:00:00Z"}
    (paid,) = invoice["payments"]
    recorded = client.get(f"/v1/payments/{paid['payment']}").json()
    assert recorded["surplus"] == {"amount": 500, "currency": "EUR"}
    assert invoice["paid_at"] == paid["applied_at"] == recorded["paid_at"]
    assert client.get(f"/v1/customers/{troubled}/balance").json()["surplus"] == [{"amount": 500, "currency": "EUR"}]


def test_a_timeline_says_what_could_be_used_when_and_why(client: Client, troubled: str) -> None:
    (subscription,) = (each for each in listed(client, "/v1/subscriptions") if each["customer"] == troubled)
    stretches = client.get(f"/v1/subscriptions/{subscription['id']}/timeline").json()["stretches"]
    assert stretches[0]["start"] == subscription["started_at"]
    assert all(one["end"] == other["start"] for one, other in pairwise(stretches))
    assert all(
        one["access"] != other["access"] or one["entitlements"] != other["entitlements"] for one, other in pairwise(stretches)
    )
    causes = [each["because"]["type"].split(".")[1] for each in stretches]
    assert causes == ["started", "grace_entered", "reinstated", "cancelled"]  # the very first charge failed
    assert [each["access"] for each in stretches] == [True, False, True, False]
    assert [grant["entitlement"] for grant in stretches[0]["entitlements"]] == ["hd", "seats"]
    assert stretches[0]["because"]["actor"] == "key_1"
    assert stretches[0]["because"]["reason"] == "because"
    assert stretches[-1]["end"] is None


def test_every_line_is_explained_by_numbers_that_come_to_it(client: Client) -> None:
    lines = [(invoice["id"], number, line) for invoice in listed(client, "/v1/invoices?limit=100")
             for number, line in enumerate(invoice["lines"], 1)]  # fmt: skip
    for invoice, number, line in lines:
        why = client.get(f"/v1/invoices/{invoice}/lines/{number}/explain").json()
        assert why["amount"] == line["amount"]
        assert why["recomputed"] == (line["amount"] if line["subscription"] else None)
        assert why["text"]
        types = {each["type"].partition(".")[0] for each in why["events"]}
        assert types == ({"invoice", "subscription", "price"} if line["subscription"] else {"invoice"})
    assert {line["kind"] for *_, line in lines} >= {"recurring", "credit", "discount", "one_off"}
    invoice = lines[0][0]
    check_problem(client.get(f"/v1/invoices/{invoice}/lines/99/explain"), 404, "not-found")
    check_problem(client.get(f"/v1/invoices/{invoice}/lines/0/explain"), 404, "not-found")
    check_problem(client.get(f"/v1/invoices/{invoice}/lines/x/explain"), 422, "invalid-request")


def test_every_attempt_of_a_payment(client: Client, troubled: str) -> None:
    payments = listed(client, f"/v1/payments?customer={troubled}&state=failed")
    assert [[attempt["code"] for attempt in payment["attempts"]] for payment in payments] == [["no_payment_method", "refused"]]


@pytest.mark.parametrize(
    ("filters", "states"),
    [
        ("", ["active", "cancelled", "cancelled", "expired"]),
        ("?state=cancelled", ["cancelled", "cancelled"]),
        ("?state=grace", []),
        ("?created[gt]=2026-01-01T00:00:00Z", []),
    ],
)
def test_filters(client: Client, filters: str, states: list[str]) -> None:
    found = [subscription["state"] for subscription in listed(client, f"/v1/subscriptions{filters}")]
    assert sorted(found) == sorted(states)


@pytest.mark.parametrize(
    ("status", "totals"),
    [("draft", [100]), ("open", [5800]), ("paid", []), ("uncollectible", [800]), ("void", [1000])],
)
def test_invoices_in_every_status(client: Client, resting: str, status: str, totals: list[int]) -> None:
    found = listed(client, f"/v1/invoices?customer={resting}&status={status}")
    assert [(invoice["status"], invoice["total"]["amount"]) for invoice in found] == [(status, total) for total in totals]


def test_an_invoice_of_several_subscriptions_is_listed_for_each(own: Client, writer: Writer, project: Callable[[], None]) -> None:
    life = Life("acme", "crm-9", None)
    one, other = (life.start(TERMS.model_copy(update={"trial_days": 0})) for _ in range(2))
    together = Invoice.issue(
        life.ids.new("inv"), tenant="acme", customer=life.id, subscriptions=(one.id, other.id), storefront="web", ordinal=1,
        currency="EUR", lines=(life.line(700, T0),), credit=0, issued_at=T0, due_at=T0, now=T0,
    )  # fmt: skip
    writer.write([life.told(life.customer), life.told(one, other, together)])
    project()
    for subscription in (one.id, other.id):
        (found,) = listed(own, f"/v1/invoices?subscription={subscription}")
        assert (found["id"], found["subscription"], found["subscriptions"]) == (together.id, None, [one.id, other.id])
    assert listed(own, f"/v1/invoices?subscription={together.id}") == []


def test_credit_notes_stand_on_their_invoice(client: Client, resting: str) -> None:
    (invoice,) = listed(client, f"/v1/invoices?customer={resting}&status=uncollectible")
    (note,) = invoice["credit_notes"]
    assert note["amount"] == {"amount": 100, "currency": "EUR"}
    assert note["lines"] == [{"line": 1, "amount": note["amount"]}]
    assert [line["waived"]["amount"] for line in invoice["lines"]] == [100, 0]
    assert [line["discount"] for line in invoice["lines"]] == [None, "spring"]
    assert invoice["written_off"]["amount"] == 650  # 50 came late


def test_what_is_taken_off_and_what_is_sold_together(client: Client, resting: str) -> None:
    (subscription,) = listed(client, f"/v1/subscriptions?customer={resting}")
    (discount,) = subscription["discounts"]
    assert (discount["coupon"], discount["percent"], discount["until"]) == ("spring", "20", "2026-01-03T00:00:00Z")
    (coupon,) = listed(client, "/v1/coupons")
    assert (coupon["id"], coupon["percent"], coupon["periods"], coupon["prices"]) == ("spring", "20", 3, ["monthly"])
    customer = client.get(f"/v1/customers/{resting}").json()
    assert (customer["billing_day"], customer["billed_together"]) == (1, True)


def test_a_pause_shows_until_it_is_over(own: Client, writer: Writer, project: Callable[[], None]) -> None:
    life = Life("acme", "crm-9", None)
    subscription = life.start()
    pause = Pause(paused_at=NOW, resumes_at=NOW + DAY, billing="stopped", entitlements="withdrawn")
    subscription.activate(NOW)
    subscription.rest(pause, NOW)
    writer.write([life.told(life.customer), life.told(subscription)])
    project()
    path, check = f"/v1/subscriptions/{subscription.id}", f"/v1/customers/{life.id}/entitlements/hd"
    assert own.get(path).json()["pause"] == pause.model_dump(mode="json")
    assert own.get(check).json()["reason"] == "access_withdrawn"
    subscription.resume(NOW + DAY, NOW + DAY)
    writer.write([life.told(subscription)])
    project()
    assert own.get(path).json()["pause"] is None
    assert own.get(check).json()["granted"] is True


def test_a_price_in_its_newest_or_a_named_version(client: Client) -> None:
    newest, named = client.get("/v1/prices/monthly"), client.get("/v1/prices/monthly@1")
    assert newest.json() == named.json()
    assert newest.json()["price_version"] == 1
    assert [client.get(f"/v1/prices/{id}").status_code for id in ("monthly@2", "monthly@x", "monthly@", "weekly")] == [
        404,
        404,
        404,
        404,
    ]


class Moving:
    """A present that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def present() -> Moving:
    return Moving()


def test_an_entitlement_follows_access_and_time(
    own: Client, writer: Writer, project: Callable[[], None], present: Moving
) -> None:
    life = Life("acme", "crm-9", None)
    subscription = life.start(TERMS.model_copy(update={"trial_days": 0, "term_periods": None}))
    writer.write([life.told(life.customer), life.told(subscription)])
    mine = own.at(present)

    def check(key: str = "hd") -> dict[str, Any]:
        project()
        answer: dict[str, Any] = mine.get(f"/v1/customers/{life.id}/entitlements/{key}").json()
        return answer

    assert check() | {"at": ""} == {
        "object": "entitlement_check", "customer": life.id, "entitlement": "hd", "granted": True, "kind": "flag", "value": True,
        "until": None, "subscription": subscription.id, "reason": "granted", "at": "",
    }  # fmt: skip
    assert check("seats")["value"] == 5
    assert (check("4k")["granted"], check("4k")["reason"]) == (False, "not_granted")
    present.now = T0 - DAY
    assert (check()["granted"], check()["reason"]) == (False, "not_started")
    present.now = NOW
    invoice = life.bill(subscription, T0)
    subscription.cancel_at_period_end(NOW)
    writer.write([life.told(subscription, invoice)])
    assert (check()["granted"], check()["until"]) == (True, "2026-02-01T00:00:00Z")
    present.now = T0 + 31 * DAY
    assert (check()["granted"], check()["reason"]) == (False, "ended")
    present.now = NOW
    subscription.enter_grace(invoice.id, NOW)
    writer.write([life.told(subscription)])
    assert (check()["granted"], check()["reason"]) == (False, "access_withdrawn")
    assert listed(mine, f"/v1/customers/{life.id}/entitlements") == []


def test_a_customer_on_a_test_clock_lives_at_its_time(client: Client, troubled: str, plain: str) -> None:
    assert client.get(f"/v1/customers/{troubled}/entitlements/hd").json()["at"] == "2026-01-21T00:00:00Z"
    assert client.get(f"/v1/customers/{plain}/entitlements/hd").json()["at"] == "2026-01-02T00:00:00Z"


def test_a_history_says_who_what_before_and_after(client: Client, troubled: str) -> None:
    (subscription,) = listed(client, f"/v1/subscriptions?customer={troubled}")
    events = listed(client, f"/v1/subscriptions/{subscription['id']}/events")
    assert events[0]["type"] == "subscription.cancelled.v2"
    assert events[0]["changes"]["state"] == {"before": "active", "after": "cancelled"}
    assert {event["actor"] for event in events} == {"key_1"}
    assert [event["version"] for event in events] == list(range(len(events), 0, -1))


@pytest.mark.parametrize(
    "path",
    [
        "storefronts/web",
        "entitlements/hd",
        "bundles/all",
        "prices/monthly@1",
        "coupons/spring",
        "meters/calls",
        "api-keys/key_2",
        "tenants/acme",
    ],
)
def test_the_catalog_has_histories_too(client: Client, path: str) -> None:
    answer = client.get(f"/v1/{path}/events")
    assert answer.json()["data"][-1]["version"] == 1
    assert answer.headers["Ledger-Position"].startswith("catalog@")


def test_a_history_pages_backwards(client: Client, troubled: str) -> None:
    (subscription,) = listed(client, f"/v1/subscriptions?customer={troubled}")
    path, cursor, versions = f"/v1/subscriptions/{subscription['id']}/events?limit=3", "", []
    while True:
        page = client.get(f"{path}{cursor}").json()
        versions += [event["version"] for event in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert versions == list(range(subscription["version"], 0, -1))


def test_head_answers_as_get_without_a_body(client: Client) -> None:
    get, head = client.get("/v1/bundles/all"), client.get("/v1/bundles/all", method="HEAD")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", get.headers["ETag"])
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_a_client_that_has_the_version_gets_304(client: Client, troubled: str) -> None:
    path = f"/v1/customers/{troubled}"
    for tag, status in (('"3"', 304), ('W/"3"', 304), ('"1", "3"', 304), ("*", 304), ('"2"', 200)):
        answer = client.get(path, {"If-None-Match": tag})
        assert (answer.status_code, answer.headers["ETag"]) == (status, '"3"')
        assert (answer.content == b"") is (status == 304)


def test_ones_own_tenant_and_the_admins_any(client: Client) -> None:
    assert client.get("/v1/tenants/acme").json()["name"] == "Acme"
    assert client.get("/v1/tenants/other").status_code == 404
    assert client.get("/v1/tenants/other", {"Authorization": f"Bearer {ADMIN_KEY}"}).json()["id"] == "other"
