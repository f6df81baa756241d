"""Test clocks over HTTP, and a restart in between."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import orjson
import pytest

from tests.e2e.commands.conftest import Api, command_api


def issued(api: Api, customer: str) -> int:
    return sum(record.attributes["type"] == "invoice.issued.v2" for record in api.records(customer))


def test_an_advance_answers_when_all_that_follows_is_committed(api: Api) -> None:
    clock = api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-31T00:00:00Z"})
    assert clock["now"] == "2026-01-31T00:00:00Z"
    customers = [api.customer(test_clock="c") for _ in range(5)]
    for customer in customers:
        api.subscription(customer)

    answer = api.post("/v1/test-clocks/c/advance", {"now": "2026-12-31T00:00:01Z"})

    body = answer.json()
    assert (answer.status_code, body["now"], body["version"]) == (200, "2026-12-31T00:00:01Z", 2)
    assert answer.headers["ledger-position"] == ", ".join(body["positions"])
    assert any(position.startswith("catalog@") for position in body["positions"])
    assert [issued(api, customer) for customer in customers] == [12] * 5
    shown = dict(position.split("@") for position in body["positions"])
    for customer in customers:
        last = api.records(customer)[-1]
        assert last.sequence <= int(shown[last.partition])


def test_advances_at_once_all_wait_for_the_end(api: Api) -> None:
    # given
    api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-31T00:00:00Z"})
    customers = [api.customer(test_clock="c") for _ in range(5)]
    for customer in customers:
        api.subscription(customer)
    # when
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(api.post, "/v1/test-clocks/c/advance", {"now": "2026-12-31T00:00:01Z"}) for _ in range(4)]
        answers = [future.result() for future in sent]
    # then whichever moved the clock, what followed is before the positions that each was told
    assert [answer.status_code for answer in answers] == [200] * 4
    ends = [record for customer in customers for record in api.records(customer)[-1:]]
    for answer in answers:
        shown = dict(position.split("@") for position in answer.json()["positions"])
        assert all(end.sequence <= int(shown[end.partition]) for end in ends)


def test_an_advance_to_where_it_stands_does_nothing_twice(api: Api) -> None:
    api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-01T00:00:00Z"})
    customer = api.customer(test_clock="c")
    api.subscription(customer)
    target = {"now": "2026-03-15T00:00:00Z"}
    first = api.post("/v1/test-clocks/c/advance", target, key="a")
    again = api.post("/v1/test-clocks/c/advance", target, key="a")
    other = api.post("/v1/test-clocks/c/advance", target)
    assert [answer.status_code for answer in (first, again, other)] == [200] * 3
    assert again.headers["idempotent-replayed"] == "true"
    assert issued(api, customer) == 3
    back = api.post("/v1/test-clocks/c/advance", {"now": "2026-03-14T00:00:00Z"})
    assert (back.status_code, back.json()["code"]) == (422, "clock-backwards")


def test_clocks_are_read_here(api: Api) -> None:
    for number in range(5):
        api.done("/v1/test-clocks", {"id": f"c{number}", "now": "2026-01-01T00:00:00Z"})
    one = api.get("/v1/test-clocks/c3")
    assert (one.status_code, one.json()["id"], one.headers["etag"]) == (200, "c3", '"1"')
    assert one.headers["ledger-position"].startswith("catalog@")
    assert api.get("/v1/test-clocks/c3", If_None_Match='"1"').status_code == 304
    assert api.get("/v1/test-clocks/none").status_code == 404
    assert api.request("HEAD", "/v1/test-clocks/c3").content == b""

    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.request("GET", "/v1/test-clocks", params={"limit": "2", **cursor}).json()
        seen += [clock["id"] for clock in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["c4", "c3", "c2", "c1", "c0"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=", "limit=0000000019", "limit=1" + "9" * 5000, "cursor=x", "cursor=bnVsbA==",
     "colour=red"],
)  # fmt: skip
def test_lists_refuse_what_they_do_not_know(api: Api, query: str) -> None:
    assert api.get(f"/v1/test-clocks?{query}").status_code == 422


def test_reading_needs_the_permission_to_read(api: Api) -> None:
    assert api.with_key("write").get("/v1/test-clocks").status_code == 403
    assert api.with_key("read").get("/v1/test-clocks").json()["data"] == []


def test_all_goes_on_after_a_restart(tmp_path: Path) -> None:
    with command_api(tmp_path) as before:
        api = before.new_tenant()
        api.done("/v1/test-clocks", {"id": "c", "now": "2026-01-01T00:00:00Z"})
        customer = api.customer(test_clock="c", external_id="u-1", personal={"name": "Ada"})
        body = {"customer": customer, "price": "monthly"}
        sold = api.post("/v1/subscriptions", body, key="once")
    with command_api(tmp_path) as after:
        api = Api(after.client, after.log, api.tenant, api.key)
        again = api.post("/v1/subscriptions", body, key="once")
        assert again.json() == sold.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert api.post("/v1/customers", {"storefront": "web", "external_id": "u-1"}).status_code == 409
        assert api.done(f"/v1/customers/{customer}", {"timezone": "UTC"})["personal"]["name"] == "Ada"
        api.done("/v1/test-clocks/c/advance", {"now": "2026-06-01T00:00:00Z"})
        assert issued(api, customer) == 5


def test_what_a_start_in_the_past_leaves_due_is_done_without_an_advance(api: Api) -> None:
    api.done("/v1/test-clocks", {"id": "c", "now": "2026-04-10T00:00:00Z"})
    customer = api.customer(test_clock="c")
    past = {"start_at": "2026-01-01T00:00:00Z", "history_until": "2026-02-15T00:00:00Z"}
    subscription = api.subscription(customer, **past)

    deadline = time.monotonic() + 10
    while True:
        answer = api.post(f"/v1/subscriptions/{subscription['id']}/cancel", {"at": "period_end"})
        if answer.status_code != 409 or time.monotonic() > deadline:
            break
        assert answer.json()["code"] == "test-clock-advancing"

    assert (answer.status_code, answer.json()["cancel_at"]) == (200, "2026-05-01T00:00:00Z")
    assert issued(api, customer) == 4
    times = [datetime.fromisoformat(orjson.loads(record.value)["timestamp"]) for record in api.records(customer)]
    assert times == sorted(times)
