"""What the clients send, send again, pass on and raise. The network is played; the ledger itself is in tests/e2e."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from subledger_client import commands, errors, queries
from tests.sdk.conftest import Opened

Answer = httpx.Response | httpx.TransportError
REGISTER = commands.register_customer(storefront="web")


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "so it is", "request_id": "req_1", **more})


def done(**headers: str) -> httpx.Response:
    return httpx.Response(201, json={"id": "cus_1"}, headers=headers)


class Wire:
    """Gives the answers in turn, the last one again and again, and keeps what was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.sent: list[httpx.Request] = []
        self._answers = answers

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self._answers[min(len(self.sent), len(self._answers) - 1)]
        self.sent.append(request)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def test_a_command_says_everything_once(client: Opened) -> None:
    wire = Wire(done())
    ledger = client(wire, tenant="acme", reason="moved")
    command = commands.start_subscription(customer="cus_1", price="gold", start_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert ledger.send(command.keyed("k-1").at(3).because("it was asked for"))["id"] == "cus_1"
    [sent] = wire.sent
    assert (sent.method, sent.url.path) == ("POST", "/v1/subscriptions")
    assert sent.content == b'{"customer": "cus_1", "price": "gold", "start_at": "2026-01-01T00:00:00+00:00"}'
    headers = ("Authorization", "x-tn", "Ledger-Reason", "Idempotency-Key", "If-Match", "Content-Type")
    assert [sent.headers[name] for name in headers] == [
        "Bearer key", "acme", "it was asked for", "k-1", '"3"', "application/json"
    ]  # fmt: skip


def test_a_preview_is_the_same_request_as_a_dry_run(client: Opened) -> None:
    wire = Wire(
        httpx.Response(200, json={"object": "preview", "resource": {"id": "cus_1"}, "events": [], "invoices": []}), done()
    )
    ledger = client(wire)
    assert ledger.preview(REGISTER)["resource"]["id"] == "cus_1"
    ledger.send(REGISTER)
    shown, sent = wire.sent
    assert (shown.url.raw_path, sent.url.raw_path) == (b"/v1/customers?dry_run=true", b"/v1/customers")
    assert (shown.content, shown.headers["Idempotency-Key"]) == (sent.content, sent.headers["Idempotency-Key"])


def test_each_command_that_is_made_has_a_key_of_its_own() -> None:
    assert commands.register_customer(storefront="web").key != REGISTER.key


def test_ids_stay_a_part_of_the_path(client: Opened) -> None:
    wire = Wire(httpx.Response(200, json={}))
    client(wire).get(queries.check_entitlement("cus_1", "a/b?c"))
    assert wire.sent[0].url.raw_path == b"/v1/customers/cus_1/entitlements/a%2Fb%3Fc"


@pytest.mark.parametrize(
    "first",
    [
        problem(503, "overloaded"),
        problem(429, "too-many"),
        problem(409, "test-clock-advancing", retryable=True),
        httpx.Response(502, text="<html>a proxy's page</html>"),
        httpx.ConnectError("refused"),
        httpx.ReadError("cut off"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
    ],
)
def test_what_may_pass_is_sent_again_with_the_same_key_and_body(client: Opened, first: Answer) -> None:
    wire = Wire(first, first, done())
    assert client(wire).send(REGISTER)["id"] == "cus_1"
    assert [request.headers["Idempotency-Key"] for request in wire.sent] == [REGISTER.key] * 3
    assert len({request.content for request in wire.sent}) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Invalid),
        (401, errors.Denied),
        (402, errors.Declined),
        (403, errors.Denied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (412, errors.StaleVersion),
        (422, errors.Invalid),
        (500, errors.Problem),
    ],
)
def test_what_will_not_pass_is_told_at_once(client: Opened, status: int, kind: type[errors.Problem]) -> None:
    wire = Wire(problem(status, "why"))
    with pytest.raises(errors.Problem, match="why: so it is") as met:
        client(wire).send(REGISTER)
    assert type(met.value) is kind
    assert (met.value.status, met.value.code, met.value.request_id, len(wire.sent)) == (status, "why", "req_1", 1)


def test_a_problem_names_fields_and_transitions(client: Opened) -> None:
    fields = [{"in": "body", "pointer": "/price", "code": "missing", "detail": "Field required"}]
    with pytest.raises(errors.Invalid, match="/price: Field required"):
        client(Wire(problem(422, "invalid-request", errors=fields))).send(REGISTER)
    with pytest.raises(errors.Conflict) as met:
        client(Wire(problem(409, "wrong-state", allowed_transitions=["active"]))).send(REGISTER)
    assert met.value.allowed_transitions == ["active"]


def test_what_cannot_be_sent_at_all_is_not_tried_again(client: Opened) -> None:
    wire = Wire(httpx.UnsupportedProtocol("no such thing"))
    with pytest.raises(httpx.UnsupportedProtocol):
        client(wire).send(REGISTER)
    assert len(wire.sent) == 1


def test_the_deadline_ends_it(client: Opened) -> None:
    with pytest.raises(errors.Unreachable, match="nobody there") as met:
        client(Wire(httpx.ConnectError("nobody there")), deadline_s=0.02).send(REGISTER)
    assert isinstance(met.value.__cause__, httpx.ConnectError)
    with pytest.raises(errors.Unavailable):
        client(Wire(problem(503, "overloaded")), deadline_s=0.02).get(queries.get_customer("cus_1"))


def test_what_the_ledger_asks_to_wait_is_not_waited_beyond_the_deadline(client: Opened) -> None:
    wire = Wire(httpx.Response(503, json={"code": "overloaded"}, headers={"Retry-After": "60"}))
    with pytest.raises(errors.Unavailable) as met:
        client(wire, deadline_s=5).send(REGISTER)
    assert (met.value.retry_after_s, len(wire.sent)) == (60, 1)


def test_reads_hold_what_was_written(client: Opened) -> None:
    wire = Wire(*(done(**{"Ledger-Position": position}) for position in ("3@7", "catalog@9", "3@5, 4@1")), done())
    ledger = client(wire, position="3@2, 1@8")
    for _ in range(3):
        ledger.send(REGISTER)
    ledger.get(queries.get_customer("cus_1"))
    assert [request.headers["Ledger-Min-Position"] for request in wire.sent] == [
        "1@8, 3@2", "1@8, 3@7", "1@8, 3@7, catalog@9", "1@8, 3@7, 4@1, catalog@9"
    ]  # fmt: skip
    assert ledger.position == "1@8, 3@7, 4@1, catalog@9"


def test_a_list_is_read_page_by_page(client: Opened) -> None:
    first = httpx.Response(200, json={"data": [{"id": "a"}, {"id": "b"}], "next_cursor": "c1"})
    wire = Wire(first, httpx.Response(200, json={"data": [{"id": "c"}], "next_cursor": None}))
    listing = queries.list_invoices(customer="cus_1", created_gte=datetime(2026, 1, 1, tzinfo=UTC), limit=2, status=None)
    assert [invoice["id"] for invoice in client(wire).all(listing)] == ["a", "b", "c"]
    filters = {"customer": "cus_1", "created[gte]": "2026-01-01T00:00:00+00:00", "limit": "2"}
    assert [dict(request.url.params) for request in wire.sent] == [filters, {**filters, "cursor": "c1"}]


def test_a_feed_goes_on_from_page_to_page(client: Opened) -> None:
    pages = [{"data": [{"id": "x"}], "next_cursor": "3@1"}, {"data": [], "next_cursor": "3@1"}]
    wire = Wire(*(httpx.Response(200, json=page) for page in pages))
    assert client(wire, timeout_s=20).pages(queries.get_events(type=["a.v1", "b.v1"]), 2, after="2@5") == pages
    kinds = [("type", "a.v1"), ("type", "b.v1")]
    assert [request.url.params.multi_items() for request in wire.sent] == [
        [*kinds, ("after", after), ("wait", "10")] for after in ("2@5", "3@1")
    ]
