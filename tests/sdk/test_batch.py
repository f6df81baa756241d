"""Batches: what stands in a request, and what becomes of a result, a problem and a broken connection."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from subledger_client import Command, commands, errors
from subledger_client import batch as batches
from subledger_client.models import CustomerAnswer
from tests.sdk.conftest import Opened

Line = dict[str, Any]


class Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Some bytes, and then no more of the connection."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx.ReadError("cut off")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def done(line: Line) -> Line:
    return {"status": 201, "headers": {"ledger-position": "3@7"}, "body": {"id": line["idempotency_key"]}}


def problem(status: int, **more: Any) -> Line:
    return {"status": status, "headers": {}, "body": {"code": "why", **more}}


class Wire:
    """Answers each line as ``result`` says; the connection of the request number ``cut`` breaks in the middle of its answer."""

    def __init__(self, result: Callable[[Line], Line] = done, *, cut: int | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._result = result
        self._cut = cut

    @property
    def keys(self) -> list[list[str]]:
        return [[json.loads(line)["idempotency_key"] for line in request.content.splitlines()] for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        lines = map(json.loads, request.content.splitlines())
        results = [{"line": number, **self._result(line)} for number, line in enumerate(lines, 1)]
        # the last one first: there is no order between customers
        content = b"".join(json.dumps(result).encode() + b"\n" for result in reversed(results))
        if len(self.requests) == self._cut:
            return httpx.Response(200, stream=Cut(content[: len(content) // 2]))
        return httpx.Response(200, content=content)


def registrations(count: int) -> list[Command[CustomerAnswer]]:
    return [commands.register_customer(storefront="web").keyed(f"k{number}") for number in range(count)]


def test_a_line_is_what_its_own_request_would_be(client: Opened) -> None:
    wire = Wire()
    command = commands.cancel_subscription("sub_1", at="now").keyed("k").at(3).because("asked for")
    [result] = client(wire, position="2@1").batch([command])
    assert json.loads(wire.requests[0].content) == {
        "idempotency_key": "k", "path": "/v1/subscriptions/sub_1/cancel", "body": {"at": "now"}, "if_match": '"3"',
        "reason": "asked for",
    }  # fmt: skip
    assert wire.requests[0].headers["Ledger-Min-Position"] == "2@1"
    assert (result.command, result.status, result.answer()["id"], result.replayed) == (command, 201, "k", False)


def test_positions_and_replays_are_told(client: Opened) -> None:
    ledger = client(
        Wire(lambda _: {"status": 201, "headers": {"ledger-position": "3@7", "idempotent-replayed": "true"}, "body": {}})
    )
    [result] = ledger.batch(registrations(1))
    assert (result.replayed, ledger.position) == (True, "3@7")


def test_requests_are_no_larger_than_the_ledger_reads_before_its_answers_are(
    client: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "LINES", 3)
    monkeypatch.setattr(batches, "BYTES", 1000)
    wire = Wire()
    large = commands.register_customer(storefront="x" * 600).keyed("large")
    results = client(wire).batch([*registrations(4), large, large.keyed("large2"), *registrations(1)])
    assert len(results) == 7
    assert wire.keys == [["k0", "k1", "k2"], ["k3", "large"], ["large2", "k0"]]


def test_commands_are_taken_as_they_are_sent(client: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LINES", 2)
    taken: list[str] = []

    def endless() -> Iterator[Command[CustomerAnswer]]:
        for command in registrations(1000):
            taken.append(command.key)
            yield command

    class Enough(Exception):
        pass

    def told(_: object) -> None:
        raise Enough

    with pytest.raises(Enough):
        client(Wire()).batch(endless(), told)
    assert len(taken) == 2


def test_what_a_broken_connection_left_goes_again_in_its_order(client: Opened) -> None:
    wire = Wire(cut=1)
    results = client(wire).batch(registrations(5))
    assert sorted(result.command.key for result in results) == ["k0", "k1", "k2", "k3", "k4"]
    assert wire.keys[0] == ["k0", "k1", "k2", "k3", "k4"]
    answered = len(results) - len(wire.keys[1])
    assert 0 < answered < 5
    assert wire.keys[1] == [f"k{number}" for number in range(5 - answered)]


def test_what_could_not_be_done_goes_before_what_is_new(client: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LINES", 3)
    refused = iter(["k0", "k2", "k2"])
    waiting = next(refused)

    def result(line: Line) -> Line:
        nonlocal waiting
        if line["idempotency_key"] != waiting:
            return done(line)
        waiting = next(refused, "")
        return problem(503)

    wire = Wire(result)
    assert len(client(wire).batch(registrations(5))) == 5
    assert wire.keys == [["k0", "k1", "k2"], ["k0", "k2", "k3"], ["k2", "k4"]]


def test_a_problem_is_its_commands_own(client: Opened) -> None:
    results = client(Wire(lambda line: problem(409) if line["idempotency_key"] == "k1" else done(line))).batch(registrations(3))
    [wrong] = [result for result in results if result.problem is not None]
    assert (wrong.command.key, wrong.status) == ("k1", 409)
    with pytest.raises(errors.Conflict):
        wrong.answer()


def test_a_batch_that_is_refused_raises(client: Opened) -> None:
    with pytest.raises(errors.Denied):
        client(lambda _: httpx.Response(401, json={"code": "unauthenticated"})).batch(registrations(3))


def test_the_deadline_ends_what_makes_no_progress(client: Opened) -> None:
    with pytest.raises(errors.Unavailable):
        client(Wire(lambda _: problem(503)), deadline_s=0.02).batch(registrations(3))
    with pytest.raises(errors.Unreachable, match="without all"):
        client(lambda _: httpx.Response(200), deadline_s=0.02).batch(registrations(3))


def test_a_slow_readers_time_does_not_count(client: Opened) -> None:
    wire = Wire(cut=1)
    pauses = iter([0.1])
    results = client(wire, deadline_s=0.05).batch(registrations(5), lambda _: time.sleep(next(pauses, 0)))
    assert (len(results), len(wire.requests)) == (5, 2)


def test_no_commands_are_no_request(client: Opened) -> None:
    wire = Wire()
    assert client(wire).batch([]) == []
    assert wire.requests == []
