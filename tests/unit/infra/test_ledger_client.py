"""What the client sends again, and what it does not. The network alone is played here; the ledger itself is in tests/e2e."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra import ledger_client
from infra.ledger_client import LedgerClient, LedgerUnreachable, Refused, Reply

Answer = httpx.Response | httpx.TransportError


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_client, "PAUSE_MIN_S", 0.001)
    monkeypatch.setattr(ledger_client, "PAUSE_MAX_S", 0.002)


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    return httpx.Response(status, json={"code": code, "detail": "so it is", **more}, headers={"Retry-After": "1"})


DONE = httpx.Response(201, json={"id": "cus_1"}, headers={"Ledger-Position": "3@7"})


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
        return answer


def post(wire: Callable[[httpx.Request], httpx.Response], **more: Any) -> Reply:
    async def run() -> Reply:
        async with LedgerClient("http://ledger", "key", transport=httpx.MockTransport(wire), **more) as client:
            return await client.post("/v1/customers", {"storefront": "web"}, "k-1", min_position="catalog@4")

    return asyncio.run(run())


def test_an_answer_gives_its_body_and_position() -> None:
    wire = Wire(DONE)
    assert post(wire) == Reply({"id": "cus_1"}, "3@7", False)
    headers = wire.sent[0].headers
    assert (headers["Authorization"], headers["Ledger-Min-Position"]) == ("Bearer key", "catalog@4")


def test_a_replay_is_known_as_one() -> None:
    assert post(Wire(httpx.Response(201, json={}, headers={"Idempotent-Replayed": "true"}))).replayed


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
    ],
)
def test_what_may_pass_is_sent_again_with_the_same_key_and_body(first: Answer) -> None:
    wire = Wire(first, first, DONE)
    assert post(wire).body == {"id": "cus_1"}
    assert {request.headers["Idempotency-Key"] for request in wire.sent} == {"k-1"}
    assert len({request.content for request in wire.sent}) == 1
    assert len(wire.sent) == 3


@pytest.mark.parametrize(
    ("status", "code"), [(400, "x"), (401, "unauthenticated"), (409, "customer-exists"), (422, "no-price"), (500, "e")]
)
def test_what_will_not_pass_is_told_at_once(status: int, code: str) -> None:
    wire = Wire(problem(status, code))
    with pytest.raises(Refused, match="so it is") as refused:
        post(wire)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert len(wire.sent) == 1


def test_fields_at_fault_are_named() -> None:
    errors = [{"in": "body", "pointer": "/price", "code": "missing", "detail": "Field required"}]
    with pytest.raises(Refused, match="invalid-request: /price: Field required"):
        post(Wire(httpx.Response(422, json={"code": "invalid-request", "title": "Not valid", "errors": errors})))


def test_patience_ends() -> None:
    wire = Wire(httpx.ConnectError("nobody there"))
    with pytest.raises(LedgerUnreachable, match="nobody there"):
        post(wire, patience_s=0.02)
    assert len(wire.sent) > 1


def test_no_more_requests_are_under_way_than_there_are_connections() -> None:
    running = most = 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return httpx.Response(200, json={})

    async def run() -> None:
        async with LedgerClient("http://ledger", "key", connections=3, transport=httpx.MockTransport(slow)) as client:
            await asyncio.gather(*(client.get("/v1/customers") for _ in range(20)))

    asyncio.run(run())
    assert most == 3
