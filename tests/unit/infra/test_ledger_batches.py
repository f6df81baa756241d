"""What goes together, what goes again, and who is told what. The network is played here; the ledger itself is in tests/e2e."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import orjson
import pytest

from infra import ledger_client
from infra.ledger_batches import LINES, LedgerBatches
from infra.ledger_client import LedgerClient, LedgerUnreachable, Refused, Reply

Result = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_client, "PAUSE_MIN_S", 0.001)
    monkeypatch.setattr(ledger_client, "PAUSE_MAX_S", 0.002)


def done(line: Result) -> Result:
    return {"status": 201, "headers": {"ledger-position": "3@7"}, "body": {"id": line["body"]["id"]}}


def problem(status: int, code: str) -> Result:
    return {"status": status, "headers": {"retry-after": "1"}, "body": {"code": code, "detail": "so it is"}}


class Cut(httpx.AsyncByteStream):
    """Some results, and then no more of the connection."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content
        raise httpx.ReadError("cut off")


class Wire:
    """Answers each line as ``result`` says; after ``cut`` results of the first batch the connection breaks."""

    def __init__(self, result: Callable[[Result], Result] = done, *, cut: int | None = None) -> None:
        self.batches: list[list[Result]] = []
        self.requests: list[httpx.Request] = []
        self._result = result
        self._cut = cut

    @property
    def keys(self) -> list[list[str]]:
        return [[line["idempotency_key"] for line in batch] for batch in self.batches]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        lines = [orjson.loads(line) for line in request.content.splitlines()]
        self.requests.append(request)
        self.batches.append(lines)
        results = [{"line": number, **self._result(line)} for number, line in enumerate(lines, 1)]
        cut, self._cut = self._cut, None
        # the last result first: they come in no order
        content = b"".join(orjson.dumps(result) + b"\n" for result in reversed(results[-cut:] if cut else results))
        return httpx.Response(200, stream=Cut(content)) if cut else httpx.Response(200, content=content)


def post(
    handler: Callable[[httpx.Request], httpx.Response],
    count: int = 3,
    *,
    positions: tuple[str, ...] = ("catalog@4",),
    **client: Any,
) -> list[Reply | BaseException]:
    """What so many commands that are posted at once come to."""

    async def run() -> list[Reply | BaseException]:
        async with (
            LedgerClient("http://ledger", "key", transport=httpx.MockTransport(handler), **client) as ledger,
            LedgerBatches(ledger) as batches,
        ):
            commands = (
                batches.post("/v1/customers", {"id": number}, f"k{number}", min_position=positions[number % len(positions)])
                for number in range(count)
            )
            return await asyncio.gather(*commands, return_exceptions=True)

    return asyncio.run(run())


def test_what_waits_together_goes_together_and_each_has_its_answer() -> None:
    wire = Wire()
    assert post(wire) == [Reply({"id": number}, "3@7", False) for number in range(3)]
    assert wire.batches == [[{"idempotency_key": f"k{n}", "path": "/v1/customers", "body": {"id": n}} for n in range(3)]]
    assert wire.requests[0].headers["Ledger-Min-Position"] == "catalog@4"


def test_a_batch_has_so_many_lines_at_most() -> None:
    wire = Wire()
    post(wire, LINES + 1)
    assert sorted(map(len, wire.batches)) == [1, LINES]


def test_what_waits_for_different_positions_goes_apart() -> None:
    wire = Wire()
    post(wire, positions=("", "catalog@4"))
    assert sorted(wire.keys) == [["k0"], ["k1"], ["k2"]]
    assert {request.headers.get("Ledger-Min-Position") for request in wire.requests} == {None, "catalog@4"}


def test_what_a_broken_connection_left_goes_again() -> None:
    wire = Wire(cut=1)
    assert post(wire) == [Reply({"id": number}, "3@7", False) for number in range(3)]
    assert wire.keys[0] == ["k0", "k1", "k2"]
    assert sorted(key for batch in wire.keys[1:] for key in batch) == ["k0", "k1"]


def test_what_was_not_possible_goes_again_and_what_was_refused_is_told() -> None:
    tried: list[int] = []

    def result(line: Result) -> Result:
        tried.append(line["body"]["id"])
        match line["body"]["id"]:
            case 0 if tried.count(0) < 3:
                return problem(503, "overloaded")
            case 1:
                return problem(422, "no-price")
        return done(line)

    first, second, third = post(Wire(result))
    assert (first, third) == (Reply({"id": 0}, "3@7", False), Reply({"id": 2}, "3@7", False))
    assert isinstance(second, Refused)
    assert (second.status, second.code) == (422, "no-price")
    assert sorted(tried) == [0, 0, 0, 1, 2]


def test_a_batch_that_is_not_possible_now_goes_again() -> None:
    wire, answers = Wire(), iter([httpx.Response(503, json={"code": "catalog-behind"}), httpx.Response(502, text="<html>")])
    assert len(post(lambda request: next(answers, None) or wire(request))) == 3
    assert sorted(key for batch in wire.keys for key in batch) == ["k0", "k1", "k2"]


def test_a_batch_that_is_refused_is_told_to_each() -> None:
    found = post(lambda _: httpx.Response(401, json={"code": "unauthenticated"}))
    assert [isinstance(each, Refused) and each.status for each in found] == [401, 401, 401]


def test_patience_ends() -> None:
    found = post(Wire(lambda _: problem(503, "overloaded")), patience_s=0.02)
    assert [isinstance(each, LedgerUnreachable) for each in found] == [True, True, True]


def test_an_answer_that_cannot_be_read_is_told_to_each() -> None:
    found = post(lambda _: httpx.Response(200, content=b"what?\n"))
    assert [isinstance(each, orjson.JSONDecodeError) for each in found] == [True, True, True]
