"""Any node takes any request: where another one owns the partition, the answer is the owner's, as if it had been asked."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import orjson
import pytest

from commands.api_forward import ledger_mark
from tests.e2e.nodes.cluster import Cluster, customer
from tests.integration.kafka.support import until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
BATCH_CUSTOMERS = 30
ZONES = ("Europe/Paris", "Europe/Rome", "Europe/Oslo")


def seen(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """All that a client sees of an answer, save the time."""
    return answer.status_code, {name: value for name, value in answer.headers.items() if name != "date"}, answer.content


def both(two: Cluster, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """One request to both nodes, which must answer alike."""
    first, second = (two.request(node, method, path, body, Request_Id="asked", **headers) for node in (0, 1))
    assert seen(first) == seen(second)
    return first


def done(answer: httpx.Response) -> dict[str, Any]:
    """The body of a command that must have succeeded for the first time."""
    assert answer.is_success, answer.text
    assert "idempotent-replayed" not in answer.headers
    found: dict[str, Any] = answer.json()
    return found


def registered(two: Cluster, node: int) -> str:
    """A customer who lives on a node, registered through the other one."""
    external_id = two.customer_of(node, uuid.uuid4().hex)
    body = {"storefront": "web", "external_id": external_id, "payment_method": {"provider": "simulator", "token": "sim_ok"}}
    made = done(two.post(1 - node, "/v1/customers", body, f"register-{external_id}"))
    assert made["id"] == customer(external_id)
    return str(made["id"])


@pytest.mark.parametrize("node", [0, 1])
def test_every_command_on_a_customer_through_the_wrong_node(two: Cluster, node: int) -> None:
    # given a customer of one node
    id, wrong = registered(two, node), 1 - node
    # when everything is sent to the other one
    done(two.post(wrong, f"/v1/customers/{id}", {"timezone": "Europe/Paris"}, f"change-{id}"))
    method = {"payment_method": {"provider": "simulator", "token": "sim_decline"}}
    done(two.post(wrong, f"/v1/customers/{id}/payment-method", method, f"method-{id}"))
    begun = two.post(wrong, "/v1/subscriptions", {"customer": id, "price": "monthly"}, f"start-{id}")
    subscription = done(begun)
    # then it is done, and answered with all that goes with it
    assert begun.headers["location"] == f"/v1/subscriptions/{subscription['id']}"
    assert begun.headers["ledger-position"] == subscription["receipt"]["position"]
    # and so is what an id other than the customer's routes
    cancelled = two.post(wrong, f"/v1/subscriptions/{subscription['id']}/cancel", {"at": "now"}, f"cancel-{id}")
    assert done(cancelled)["state"] == "cancelled"


def test_a_dry_run_through_the_wrong_node_shows_what_the_owner_would_do(two: Cluster) -> None:
    # given a customer of the other node
    id = registered(two, 0)
    start = {"customer": id, "price": "monthly"}
    # when it is asked what a start would do, then nothing is done
    shown = done(two.post(1, "/v1/subscriptions?dry_run=true", start, f"start-{id}"))
    assert (shown["object"], two.of_customer(id, "subscription.started.v2")) == ("preview", [])
    # until it is sent
    assert done(two.post(1, "/v1/subscriptions", start, f"start-{id}"))["id"] == shown["resource"]["id"]


def test_paying_through_the_wrong_node_answers_with_the_outcome(two: Cluster) -> None:
    # given an invoice that is open, since its first charge was declined
    id = registered(two, 0)
    method = {"payment_method": {"provider": "simulator", "token": "sim_decline_ok"}}
    done(two.post(1, f"/v1/customers/{id}/payment-method", method, f"method-{id}"))
    subscription = done(two.post(1, "/v1/subscriptions", {"customer": id, "price": "monthly"}, f"start-{id}"))
    (issued,) = two.of_customer(id, "invoice.issued.v2")
    until(lambda: bool(two.of_customer(id, "payment.attempt_failed.v2")))
    # when it is paid
    paid = two.post(1, f"/v1/invoices/{issued.attributes['subject']}/payments", {"kind": "charge"}, f"pay-{id}")
    # then the answer waits for the charge
    assert (paid.status_code, done(paid)["state"]) == (201, "captured"), subscription


@pytest.mark.parametrize("sender", [0, 1])
def test_commands_on_the_catalog_go_to_its_owner(two: Cluster, sender: int) -> None:
    name = f"s-{uuid.uuid4().hex[:8]}"
    made = two.post(sender, "/v1/storefronts", {"id": name, "name": "Shop"}, name)
    assert done(made)["receipt"]["position"].startswith("catalog@")
    again = both(two, "POST", "/v1/storefronts", {"id": name, "name": "Shop"}, Idempotency_Key=name)
    assert again.headers["idempotent-replayed"] == "true"


def test_a_key_holds_at_every_node_at_once(two: Cluster) -> None:
    # when a key is issued through one node
    headers = {"Authorization": f"Bearer {two.nodes[0].admin_key}", "x-tn": "acme", "Ledger-Reason": "test"}
    for number in range(5):
        body = {"name": f"k{number}", "permissions": ["read", "write"]}
        issued = httpx.post(f"{two.nodes[0].url}/v1/api-keys", json=body, headers=headers)
        # then the other one knows it
        key = {"Authorization": f"Bearer {issued.json()['key']}"}
        assert two.request(1, "GET", "/v1/test-clocks", **key).status_code == 200


def test_a_key_is_replayed_by_whichever_node_is_asked(two: Cluster) -> None:
    # given a command that was done
    id = registered(two, 1)
    start = {"customer": id, "price": "monthly"}
    first = two.post(0, "/v1/subscriptions", start, f"start-{id}")
    # when it is sent again, then both nodes give the answer of the first time
    again = both(two, "POST", "/v1/subscriptions", start, Idempotency_Key=f"start-{id}")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    # and the same key with another body is refused by both
    other = both(
        two, "POST", "/v1/subscriptions", {"customer": id, "bundle": "gold", "currency": "EUR"}, Idempotency_Key=f"start-{id}"
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


@pytest.mark.parametrize(
    ("path", "body", "headers", "expected"),
    [
        ("/v1/customers/{id}", {"timezone": "Europe/Rome"}, {"If_Match": '"9"'}, (412, "version-mismatch")),
        ("/v1/customers/{id}", {"timezone": "Atlantis"}, {}, (422, "unknown-timezone")),
        ("/v1/customers/{id}", {"timezone": "Europe/Rome"}, {"Authorization": "Bearer no"}, (401, "unauthenticated")),
        ("/v1/customers/cus_{unknown}", {"timezone": "Europe/Rome"}, {}, (404, "not-found")),
        ("/v1/subscriptions/sub_{unknown}/cancel", {"at": "now"}, {"Idempotency_Key": "x"}, (404, "not-found")),
        ("/v1/subscriptions", {"customer": "{id}", "price": "none"}, {"Idempotency_Key": "y"}, (422, "price-not-found")),
        ("/v1/customers/{id}", {}, {"Ledger_Reason": "weil er wünscht"}, (422, "nothing-to-change")),
    ],
)  # fmt: skip
def test_problems_are_the_same(
    two: Cluster, path: str, body: dict[str, str], headers: dict[str, str], expected: tuple[int, str]
) -> None:
    id = registered(two, 0)
    path = path.format(id=id, unknown=id[4:12] + "0" * 20)
    body = {name: value.format(id=id) for name, value in body.items()}
    answer = both(two, "POST", path, body, **headers)
    assert (answer.status_code, answer.json()["code"]) == expected


def test_a_command_without_a_key_is_done_once(two: Cluster) -> None:
    # when customers without an external id are registered, whose ids follow from the key that the first node makes
    made = [two.request(0, "POST", "/v1/customers", {"storefront": "web"}) for _ in range(8)]
    # then each has one, wherever it lives
    ids = {done(answer)["id"] for answer in made}
    assert len(ids) == 8
    assert {two.owner(id) for id in ids} == {0, 1}


def test_reason_and_trace_stand_in_the_event(two: Cluster) -> None:
    # when a request with a trace goes through the wrong node
    id = registered(two, 1)
    reason, parent = "auf Wunsch – schön", f"00-{TRACE}-{SPAN}-01"
    changed = two.post(
        0, f"/v1/customers/{id}", {"timezone": "Europe/Paris"}, f"t-{id}",
        traceparent=parent, Ledger_Reason=reason,
    )  # fmt: skip
    assert done(changed)["timezone"] == "Europe/Paris"
    # then the event is in that trace, in a span of the owner's
    (event,) = two.of_customer(id, "customer.changed.v1")
    version, trace, span, flags = event.attributes["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != SPAN
    assert event.attributes["reason"] == reason


def test_what_was_forwarded_goes_no_further(two: Cluster) -> None:
    # when a node is sent another's request, as by a node that is wrong about the owner
    id = registered(two, 0)
    answer = two.post(1, f"/v1/customers/{id}", {"timezone": "Europe/Oslo"}, f"hop-{id}", Ledger_Forwarded_By="elsewhere:1")
    # then it says that it is not the owner, and that it may be sent again
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "partition-not-served", "1")
    assert answer.json()["retryable"] is True


# Batches: each line goes to the owner of its customer


def results(two: Cluster, node: int, lines: list[dict[str, Any]], **headers: str) -> dict[str, dict[str, Any]]:
    """What each line's key was answered, all lines sent before anything is read."""
    body = b"\n".join(orjson.dumps(line) for line in lines)
    given = {**two.headers, "Content-Type": "application/x-ndjson", **headers}
    answer = httpx.post(f"{two.nodes[node].url}/v1/commands:batch", content=body, headers=given, timeout=60)
    assert answer.status_code == 200, answer.text
    found = [orjson.loads(line) for line in answer.text.splitlines()]
    assert sorted(result["line"] for result in found) == list(range(1, len(lines) + 1))
    assert all(lines[result["line"] - 1]["idempotency_key"] == result["idempotency_key"] for result in found)
    return {result["idempotency_key"]: result for result in found}


def a_life(name: str) -> list[dict[str, Any]]:
    """A customer's lines, of which each needs the one before."""
    id = customer(name)
    lines = [{"path": "/v1/customers", "body": {"storefront": "web", "external_id": name}}]
    lines += [{"path": f"/v1/customers/{id}", "body": {"timezone": zone}} for zone in ZONES]
    lines += [{"path": "/v1/subscriptions", "body": {"customer": id, "price": "monthly"}}]
    return [{"idempotency_key": f"{name}/{number}", **line} for number, line in enumerate(lines)]


@pytest.mark.parametrize("node", [0, 1])
def test_lines_of_all_customers_are_done_in_their_order(two: Cluster, node: int) -> None:
    # given lines of customers of both nodes, and some of the catalog
    names = [f"batch-{node}-{number}" for number in range(BATCH_CUSTOMERS)]
    assert {two.owner(customer(name)) for name in names} == {0, 1}
    shops = [f"shop-{node}-{number}" for number in range(3)]
    lines = [{"idempotency_key": shop, "path": "/v1/storefronts", "body": {"id": shop, "name": shop}} for shop in shops] + [
        line for lines in zip(*map(a_life, names), strict=True) for line in lines
    ]
    # when they are sent to one node
    found = results(two, node, lines)
    # then each is done, behind those before it
    assert {result["status"] for result in found.values()} <= {200, 201}
    for name in names:
        assert [found[f"{name}/{number}"]["body"]["version"] for number in range(len(ZONES) + 1)] == [1, 2, 3, 4]
    # and sent again to the other node they are answered with the same
    again = results(two, 1 - node, lines)
    assert all(again[key]["headers"]["idempotent-replayed"] == "true" for key in found)
    assert {key: result["body"] for key, result in again.items()} == {key: result["body"] for key, result in found.items()}


@pytest.mark.parametrize("node", [0, 1])
def test_what_is_wrong_with_a_line_is_told_as_its_owner_tells_it(two: Cluster, node: int) -> None:
    # given a customer of one node
    name = two.customer_of(node, "wrong")
    first, changed, *_ = a_life(name)
    results(two, node, [first, changed])
    # when lines are sent that are refused, to either node
    nobody = f"/v1/subscriptions/sub_{customer(name)[4:12]}{'0' * 20}/cancel"
    bad = [
        {**changed, "idempotency_key": "stale", "if_match": '"1"'},
        {**changed, "idempotency_key": "unknown", "body": {"timezone": "Atlantis"}},
        {"idempotency_key": "nobody", "path": nobody, "body": {"at": "now"}},
    ]
    told = [results(two, sender, bad, **{"Request-Id": "asked"}) for sender in (0, 1)]
    # then both say the same
    assert told[0] == told[1]
    assert {key: (result["status"], result["body"]["code"]) for key, result in told[0].items()} == {
        "stale": (412, "version-mismatch"),
        "unknown": (422, "unknown-timezone"),
        "nobody": (404, "not-found"),
    }


def test_a_batch_that_was_sent_on_goes_no_further(two: Cluster) -> None:
    # when a node is sent lines of both nodes' customers as by another node
    names = [two.customer_of(node, "hop") for node in (0, 1)]
    lines = [a_life(name)[0] for name in names]
    found = results(two, 0, lines, **{"Ledger-Forwarded-By": two.mark})
    # then it does its own alone
    assert [found[line["idempotency_key"]]["status"] for line in lines] == [201, 503]
    assert found[lines[1]["idempotency_key"]]["body"]["code"] == "partition-not-served"


def test_a_node_of_another_ledger_has_nothing_done(two: Cluster) -> None:
    # when a node is sent a command for its own customer, by one whose peer's address leads here by mistake
    external_id = two.customer_of(0, "mistake")
    body = {"storefront": "web", "external_id": external_id}
    answer = two.post(0, "/v1/customers", body, external_id, Ledger_Forwarded_By=ledger_mark(b"s" * 32, "another log"))
    # then it says that it is not the owner
    assert (answer.status_code, answer.json()["code"]) == (503, "partition-not-served")
    assert two.post(0, "/v1/customers", body, external_id).status_code == 201
