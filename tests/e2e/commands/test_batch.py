"""Batches over HTTP: each line as its own request would be answered, streamed, in order, resumable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.e2e.commands.batching import batch
from tests.e2e.commands.conftest import Api, listening

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def port(ledger: Api) -> Iterator[int]:
    """The node that all tests share, behind a real server."""
    with listening(ledger.client) as port:
        yield port


def line(key: str, path: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"idempotency_key": key, "path": path, "body": body, **more}


def send(api: Api, *lines: dict[str, Any], **headers: str) -> dict[str, dict[str, Any]]:
    """The results of a batch that is sent at once, by key."""
    body = b"\n".join(map(orjson.dumps, lines))
    answer = api.request("POST", "/v1/commands:batch", content=body, headers={**NDJSON, **headers})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
    results = [orjson.loads(result) for result in answer.text.splitlines()]
    assert sorted(result["line"] for result in results) == list(range(1, len(lines) + 1))
    return {result["idempotency_key"]: result for result in results}


def test_a_line_is_answered_as_its_own_request_is(api: Api) -> None:
    customer = api.customer()
    started = {"customer": customer, "price": "monthly"}
    # given requests of every kind of answer, sent alone
    requests = {
        "created": ("/v1/subscriptions", started, {}),
        "changed": (f"/v1/customers/{customer}", {"timezone": "Europe/Paris"}, {"If-Match": '"1"'}),
        "stale": (f"/v1/customers/{customer}", {"timezone": "UTC"}, {"If-Match": '"1"'}),
        "reused": ("/v1/subscriptions", {**started, "price": "other"}, {}),
        "missing": (f"/v1/customers/cus_{'0' * 28}", {}, {}),
        "rule": ("/v1/subscriptions", {**started, "price": "unknown"}, {}),
        "field": ("/v1/customers", {"storefront": 7}, {}),
        "forbidden": ("/v1/tenants", {"id": "x", "name": "X"}, {}),
        "unmatched": ("/v1/customers", {"storefront": "web"}, {"If-Match": '"1"'}),
        "item": ("/v1/entitlements", {"id": "sd", "kind": "flag", "name": "SD"}, {}),
    }
    keys = {name: "created" if name == "reused" else name for name in requests}
    alone = {
        name: api.request("POST", path, key=keys[name], json=body, headers=headers)
        for name, (path, body, headers) in requests.items()
    }
    # when the same come in a batch
    for name, (path, body, headers) in requests.items():
        more = {"if_match": headers["If-Match"]} if headers else {}
        result = send(api, line(keys[name], path, body, **more))[keys[name]]
        single = alone[name]
        # then they are answered alike, what was done as a replay
        assert result["status"] == single.status_code, name
        assert _comparable(result["body"]) == _comparable(single.json())
        named = {header: single.headers[header] for header in ("etag", "ledger-position", "location") if header in single.headers}
        replayed = {"idempotent-replayed": "true"} if single.is_success else {}
        assert result["headers"] == named | replayed, name


def _comparable(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "request_id"}


def test_what_a_batch_did_is_replayed_alone(api: Api) -> None:
    body = {"storefront": "web", "external_id": "u-1"}
    done = send(api, line("k", "/v1/customers", body))["k"]
    again = api.post("/v1/customers", body, key="k")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == done["body"]


def test_a_key_used_twice_is_two_requests(api: Api) -> None:
    first, second = line("k", "/v1/customers", {"storefront": "web"}), line("k", "/v1/customers", {"storefront": "other"})
    answer = api.request(
        "POST", "/v1/commands:batch", content=b"\n".join(map(orjson.dumps, (first, first, second))), headers=NDJSON
    )
    results = {result["line"]: result for result in map(orjson.loads, answer.text.splitlines())}
    assert (results[1]["status"], results[2]["status"]) == (201, 201)
    assert results[2]["headers"]["idempotent-replayed"] == "true"
    assert results[1]["body"]["id"] == results[2]["body"]["id"]


def test_a_customers_lines_are_done_in_their_order(api: Api) -> None:
    customers = [api.customer() for _ in range(3)]
    lines = [
        line(f"{customer}-{step}", f"/v1/customers/{customer}", {"timezone": zone})
        for step in range(30)
        for customer in customers
        for zone in (("Europe/Paris", "Europe/Rome")[step % 2],)
    ]
    results = send(api, *lines)
    for customer in customers:
        assert [results[f"{customer}-{step}"]["body"]["version"] for step in range(30)] == list(range(2, 32))


def test_a_malformed_line_is_told_and_the_rest_goes_on(api: Api) -> None:
    good = orjson.dumps(line("k", "/v1/customers", {"storefront": "web"}))
    too_long = b'{"idempotency_key": "%s"}' % (b"x" * 1_100_000)
    answer = api.request("POST", "/v1/commands:batch", content=b"\n".join([b"{", too_long, b"", good]), headers=NDJSON)
    results = [orjson.loads(result) for result in answer.text.splitlines()]
    assert [(result["line"], result["status"], result["idempotency_key"]) for result in results] == [
        (1, 400, None),
        (2, 413, None),
        (4, 201, "k"),
    ]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/json"}, 415),
        ({"Authorization": "Bearer nobody"}, 401),
        ({"x-tn": "another"}, 403),
        ({"Ledger-Min-Position": "catalog@999999", "Prefer": "wait=0"}, 503),
    ],
)
def test_a_batch_that_may_not_begin_is_refused_as_a_whole(api: Api, headers: dict[str, str], status: int) -> None:
    answer = api.request("POST", "/v1/commands:batch", content=b"{}", headers={**NDJSON, **headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_admins_reason_stands_in_the_header_or_in_the_line(api: Api) -> None:
    admin = api.as_admin()
    del admin.headers["Ledger-Reason"]
    lines = [line(f"k{number}", "/v1/customers", {"storefront": "web"}) for number in range(2)]
    results = send(admin, lines[0], {**lines[1], "reason": "of the line"})
    assert (results["k0"]["body"].get("code"), results["k1"]["status"]) == ("reason-missing", 201)
    assert api.records(results["k1"]["body"]["id"])[0].attributes["reason"] == "of the line"
    results = send(admin, lines[0], {**lines[1], "reason": "of the line"}, **{"Ledger-Reason": "of the batch"})
    assert results["k1"]["headers"]["idempotent-replayed"] == "true"
    assert api.records(results["k0"]["body"]["id"])[0].attributes["reason"] == "of the batch"


def test_results_come_while_the_request_goes_on(api: Api, port: int) -> None:
    with batch(port, api.key) as wire:
        results = wire.results()
        for number in range(3):
            wire.send(line(f"k{number}", "/v1/customers", {"storefront": "web"}))
            assert next(results)["idempotency_key"] == f"k{number}"
        wire.end()
        assert list(results) == []


def test_a_client_that_reads_nothing_is_not_read_from(api: Api, port: int) -> None:
    filler = [line(f"k{number}", "/v1/nothing", {"filler": "x" * 500}) for number in range(50_000)]
    with batch(port, api.key, limit_s=2) as wire:
        # what is read is bounded: what stands in the sockets' buffers, and what the batch takes in
        with pytest.raises(TimeoutError):
            wire.send(*filler)
        # and others are served meanwhile
        assert api.post("/v1/customers", {"storefront": "web"}).status_code == 201


def test_a_batch_that_was_cut_off_is_completed_by_sending_it_again(api: Api, port: int) -> None:
    lines = [line(f"k{number}", "/v1/customers", {"storefront": "web", "external_id": f"u-{number}"}) for number in range(1000)]
    # given a connection that breaks when some lines are answered
    with batch(port, api.key) as wire:
        wire.send(*lines[:600])
        results = wire.results()
        seen = {result["idempotency_key"]: result for result, _ in zip(results, range(200), strict=False)}
    # when what has no result is sent again
    left = [each for each in lines if each["idempotency_key"] not in seen]
    with batch(port, api.key) as wire:
        sending = threading.Thread(target=wire.send_all, args=left)
        sending.start()
        again = {result["idempotency_key"]: result for result in wire.results()}
        sending.join()
    # then each was done once, and what had been done is replayed
    assert len(again) == len(left)
    everything = seen | again
    assert {result["status"] for result in everything.values()} == {201}
    assert len({result["body"]["id"] for result in everything.values()}) == 1000
    assert {result["body"]["version"] for result in everything.values()} == {1}
    assert any("idempotent-replayed" in result["headers"] for result in again.values())


def test_a_key_that_is_revoked_meanwhile_ends_it(api: Api, port: int) -> None:
    issued = api.as_admin().done("/v1/api-keys", {"name": "short-lived", "permissions": ["write"]})
    with batch(port, issued["key"]) as wire:
        results = wire.results()
        wire.send(line("before", "/v1/customers", {"storefront": "web"}))
        assert next(results)["status"] == 201
        api.as_admin().done(f"/v1/api-keys/{issued['id']}/revoke", {})
        wire.send(line("after", "/v1/customers", {"storefront": "web"}))
        assert next(results)["body"]["code"] == "unauthenticated"


def test_what_was_submitted_is_done_whatever_becomes_of_the_client(api: Api, port: int) -> None:
    customer = api.customer()
    with batch(port, api.key) as wire:
        wire.send(line("k", f"/v1/customers/{customer}", {"timezone": "Europe/Rome"}))
    assert api.wait_for(customer, "customer.changed")
