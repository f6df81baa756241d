"""A batch over a ledger whose answers the test gives: what is submitted when, what waits, and how much is read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from commands import api_batch
from commands.api import COMMANDS
from commands.api_batch import Batch
from commands.api_desk import Desk
from commands.api_forward import Peers
from commands.api_front import RouteTable
from commands.api_route import ApiSettings
from commands.catalog.view import CatalogView
from commands.command import Command
from commands.ports import Answer, QueueFull, Quota, Succession, Unavailable
from domain.catalog.aggregates import Tenant
from domain.errors import WrongState
from domain.event import Aggregate
from domain.payment.aggregate import Payment
from tests.unit.domain.make import CARD, CUSTOMER, INVOICE, JAN_1, payment

ADMIN = "the admin's key"
HEADERS = [(b"authorization", f"Bearer {ADMIN}".encode()), (b"x-tn", b"acme"), (b"ledger-reason", b"a test")]
SCOPE = {"headers": HEADERS, "state": {"request_id": "req_1", "traceparent": ""}}


def customer(number: int) -> str:
    """Ids of different customers route differently."""
    return f"cus_{number:08x}{'0' * 20}"


def change(number: int, key: str, **more: Any) -> dict[str, Any]:
    """A line that is about a customer."""
    return {"idempotency_key": key, "path": f"/v1/customers/{customer(number)}", "body": {"timezone": "UTC"}, **more}


def define(key: str) -> dict[str, Any]:
    """A line that is about the catalog."""
    return {"idempotency_key": key, "path": "/v1/entitlements", "body": {"id": key, "kind": "flag", "name": "HD"}}


class Ledger:
    """Keeps what is submitted; ``answer`` and ``fail`` answer it, as a node would."""

    catalog = CatalogView(frozenset())
    decides_once = True

    def __init__(self) -> None:
        self.submitted: list[Command] = []
        self.full = self.away = False
        self.settle_now = asyncio.Event()
        self._waiting: list[tuple[asyncio.Future[Answer], Succession]] = []

    def submit(self, command: Command, succession: Succession) -> Awaitable[Answer]:
        if self.away:
            raise Unavailable("partition_not_served", "Another one has it.")
        if self.full:
            raise QueueFull(Quota(partition="0", limit=4, left=0))
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if succession.broken:
            future.set_exception(Unavailable("earlier_unavailable", "first that one"))
            return future
        self.submitted.append(command)
        self._waiting.append((future, succession))
        return future

    def answer(self, place: int = 0, target: Aggregate | None = None) -> None:
        target = target or Tenant.create("acme", name="Acme", now=JAN_1)
        self._waiting.pop(place)[0].set_result(Answer(target, target.id, 1, "0@1", "hash", False))

    def fail(self, error: Exception, place: int = 0) -> None:
        future, succession = self._waiting.pop(place)
        succession.broken = isinstance(error, Unavailable)
        future.set_exception(error)

    @property
    def cancelled(self) -> bool:
        return any(future.cancelled() for future, _ in self._waiting)

    def customer_of(self, _tenant: str, _id: str) -> str:
        return CUSTOMER

    async def settled(self, paid: Payment, timeout_s: float) -> tuple[Payment, str]:
        await asyncio.wait_for(self.settle_now.wait(), timeout_s)
        return paid, "0@2"


class Client:
    """The other end of the request: what it sends, what it has read, and whether it reads."""

    def __init__(self, ledger: Ledger, peers: Peers | None = None) -> None:
        settings = ApiSettings(environment="sandbox", secret=b"secret", admin_key=ADMIN)
        desk = Desk(ledger, object(), settings, peers)  # type: ignore[arg-type]
        self.batch = Batch(desk, RouteTable(COMMANDS), SCOPE)
        self.reads = asyncio.Event()
        self.reads.set()
        self.taken = 0
        self.results: dict[str | None, dict[str, Any]] = {}
        self._pieces: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._running = asyncio.ensure_future(self.batch.run(self._receive, self._send))

    def send(self, *lines: dict[str, Any]) -> None:
        body = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        self._pieces.put_nowait({"type": "http.request", "body": body, "more_body": True})

    def leave(self) -> None:
        self._pieces.put_nowait({"type": "http.disconnect"})

    async def _receive(self) -> dict[str, Any]:
        piece = await self._pieces.get()
        self.taken += 1
        return piece

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        for line in message["body"].splitlines():
            result = orjson.loads(line)
            self.results[result["idempotency_key"]] = result

    async def end(self) -> None:
        """No more lines: all is answered, or the test is stuck."""
        self._pieces.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await self.gone()

    async def gone(self) -> None:
        await asyncio.wait_for(self._running, 5)

    def codes(self) -> dict[str | None, Any]:
        """By key: the status, or the code of the problem."""
        return {key: result["body"].get("code", result["status"]) for key, result in self.results.items()}


Scenario = Callable[[Ledger, Client], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def run() -> None:
        ledger = Ledger()
        await scenario(ledger, Client(ledger))

    asyncio.run(run())


async def turns() -> None:
    """Let everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_lines_of_one_customer_share_a_window() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        # when three lines of one customer come
        client.send(change(1, "a"), change(1, "b"), change(1, "c"))
        await turns()
        # then all are submitted, in their order, before any of them is answered
        assert [command.customer for command in ledger.submitted] == [customer(1)] * 3
        assert [command.fingerprint for command in ledger.submitted] == [ledger.submitted[0].fingerprint] * 3
        for _ in range(3):
            ledger.answer()
        await client.end()
        assert client.codes() == {"a": 200, "b": 200, "c": 200}
        assert [result["line"] for result in client.results.values()] == [1, 2, 3]

    play(scenario)


def test_results_come_as_they_are_known_and_name_their_line() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(change(1, "a"), change(2, "b"))
        await turns()
        ledger.answer(1)
        await turns()
        assert list(client.results) == ["b"]
        ledger.answer()
        await client.end()
        assert {key: result["line"] for key, result in client.results.items()} == {"a": 1, "b": 2}

    play(scenario)


def test_what_could_not_be_done_holds_back_its_customer_alone() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(change(1, "a"), change(1, "b"), change(2, "c"), define("d"))
        await turns()
        # when the first line's fate is that it cannot be done now
        ledger.fail(Unavailable("log_unavailable", "no write"))
        ledger.fail(Unavailable("earlier_unavailable", "first that one"))
        await turns()
        client.send(change(1, "e"), change(2, "f"), define("g"))
        await turns()
        assert len(ledger.submitted) == 6  # nobody but the node says that "e" is not done
        for _ in range(4):
            ledger.answer()
        await client.end()
        # then later lines of this customer are answered so, and others are done
        later = "earlier-unavailable"
        assert client.codes() == {"a": "log-unavailable", "b": later, "e": later, "c": 200, "d": 201, "f": 200, "g": 201}
        assert client.results["e"]["body"]["retryable"] is True
        assert client.results["e"]["headers"] == {"retry-after": "1"}

    play(scenario)


def test_what_is_refused_holds_nothing_back() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(change(1, "a"), change(1, "b"))
        await turns()
        ledger.fail(WrongState("ended", "It has ended."))
        ledger.answer()
        await turns()
        client.send(change(1, "c"))
        await turns()
        ledger.answer()
        await client.end()
        assert client.codes() == {"a": "ended", "b": 200, "c": 200}

    play(scenario)


def test_lines_wait_for_a_place_in_the_queue_in_their_order() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        # given a queue without a place
        ledger.full = True
        client.send(change(1, "a"), change(2, "c"), change(1, "b"))
        await turns()
        assert (ledger.submitted, client.results) == ([], {})
        # when there are places again
        ledger.full = False
        async with asyncio.timeout(10):
            while len(ledger.submitted) < 3:
                await asyncio.sleep(0.01)
        # then all are taken, those of a customer in their order
        assert [command.customer for command in ledger.submitted] == [customer(1), customer(1), customer(2)]
        for _ in range(3):
            ledger.answer()
        await client.end()
        assert client.codes() == {"a": 200, "b": 200, "c": 200}

    play(scenario)


def test_a_line_that_cannot_be_done_holds_back_its_customer() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        ledger.away = True
        client.send(change(1, "a"))
        await turns()
        ledger.away = False
        client.send(change(1, "b"), change(2, "c"))
        await turns()
        ledger.answer()
        await client.end()
        assert client.codes() == {"a": "partition-not-served", "b": "earlier-unavailable", "c": 200}

    play(scenario)


def test_a_line_whose_outcome_is_waited_for_holds_back_its_customer() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        pay = {"idempotency_key": "pay", "path": f"/v1/invoices/{INVOICE}/payments", "body": {"kind": "charge"}}
        after = {**change(0, "after"), "path": f"/v1/customers/{CUSTOMER}"}
        # given a charge that is committed, with no outcome yet
        paying = payment()
        paying.start_attempt(CARD, 1000, JAN_1)
        client.send(pay, after, change(1, "other"))
        await turns()
        ledger.answer(0, paying)
        await turns()
        # then what is behind it waits, others do not
        assert [command.customer for command in ledger.submitted] == [CUSTOMER, customer(1)]
        ledger.settle_now.set()
        await turns()
        assert ledger.submitted[2].customer == CUSTOMER
        ledger.answer()
        ledger.answer()
        await client.end()
        assert client.codes() == {"pay": 202, "other": 200, "after": 200}

    play(scenario)


def test_where_a_refusal_may_be_decided_anew_each_waits_for_the_one_before() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        ledger.decides_once = False
        client.send(change(1, "a"), change(2, "b"), change(1, "c"))
        await turns()
        assert [command.customer for command in ledger.submitted] == [customer(1), customer(2)]
        ledger.answer()
        await turns()
        assert ledger.submitted[2].customer == customer(1)
        ledger.answer()
        ledger.answer()
        await client.end()

    play(scenario)


def test_a_client_that_does_not_read_is_not_read_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_batch, "LINES_MAX", 3)

    async def scenario(ledger: Ledger, client: Client) -> None:
        # given a client that does not read its results
        client.reads.clear()
        for number in range(10):
            client.send(change(number, f"k{number}"))
        await turns()
        # when what was read is done
        for _ in range(3):
            ledger.answer()
        await turns()
        # then nothing more is read, but for the piece that is in hand
        assert (len(ledger.submitted), client.taken) == (3, 4)
        # and when it reads again, the rest is done
        client.reads.set()
        for done in range(3, 10):
            await turns()
            assert len(ledger.submitted) <= done + 3
            ledger.answer()
        await client.end()
        assert set(client.codes().values()) == {200}
        assert len(client.results) == 10

    play(scenario)


def test_large_lines_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_batch, "BYTES_MAX", 1000)

    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(*(change(number, f"k{number}", reason="r" * 400) for number in range(5)))
        await turns()
        assert len(ledger.submitted) == 2
        for _ in range(5):
            ledger.answer()
            await turns()
        await client.end()
        assert len(client.results) == 5

    play(scenario)


def test_a_client_that_leaves_cancels_nothing() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(change(1, "a"))
        await turns()
        client.leave()
        await client.gone()
        assert not ledger.cancelled
        ledger.answer()  # of a future that is still there
        await turns()

    play(scenario)


def test_a_defect_is_one_lines_and_is_not_told() -> None:
    async def scenario(ledger: Ledger, client: Client) -> None:
        client.send(change(1, "a"), change(1, "b"))
        await turns()
        ledger.fail(ZeroDivisionError("a secret"))
        ledger.answer()
        await client.end()
        assert client.codes() == {"a": "internal-error", "b": 200}
        assert "secret" not in orjson.dumps(client.results["a"]).decode()

    play(scenario)


def test_what_is_remembered_of_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_batch, "QUEUES_MAX", 2)

    async def scenario(ledger: Ledger, client: Client) -> None:
        ledger.away = True
        client.send(change(1, "a"), change(2, "b"))
        await turns()
        ledger.away = False
        client.send(change(3, "c"))
        await client.end()
        assert client.codes() == {"a": "partition-not-served", "b": "partition-not-served", "c": "earlier-unavailable"}

    play(scenario)
