"""Lines of a batch that another node owns: they go there together, in order, and none overtakes another when that breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import orjson

from commands.api_forward import Reply, Request
from commands.command import Command
from commands.ports import Answer, NotServed, Succession, Unavailable
from domain.ids import partition_of
from tests.unit.commands.test_batch import Client, Ledger, change, turns

PARTITIONS = 2


class Half(Ledger):
    """Owns the partitions in ``own``."""

    def __init__(self) -> None:
        super().__init__()
        self.own = {"0"}

    def submit(self, command: Command, succession: Succession) -> Awaitable[Answer]:
        partition = partition_of(command.customer, PARTITIONS)
        if partition not in self.own:
            raise NotServed(partition, "Another one has it.")
        return super().submit(command, succession)


class Peer:
    """The other node: ``lines`` are those that it was sent, by request; what it answers the test says."""

    def __init__(self) -> None:
        self.mark = "mark"
        self.requests: list[list[str]] = []
        self.doubts = 0
        self._answers: list[asyncio.Queue[bytes | None]] = []

    def owner(self, partition: str) -> str:  # noqa: ARG002
        return "other:1"

    def doubt(self) -> None:
        self.doubts += 1

    async def forward(self, partition: str, request: Request, here: Callable[[], Awaitable[Reply]]) -> Reply:  # noqa: ARG002
        raise AssertionError("a batch is one request")

    async def stream(self, partition: str, request: Request, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:  # noqa: ARG002
        lines: list[str] = []
        answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.requests.append(lines)
        self._answers.append(answers)

        async def read() -> None:
            async for piece in body:
                lines.extend(orjson.loads(line)["idempotency_key"] for line in piece.splitlines())

        reading = asyncio.ensure_future(read())
        while (piece := await answers.get()) is not None:
            yield piece
        if not reading.done():
            reading.cancel()
            raise Unavailable("outcome_unknown", "It broke off.")

    def answer(self, *numbers: int, request: int = -1, status: int = 200, **body: Any) -> None:
        for number in numbers:
            key = self.requests[request][number - 1]
            result = {"line": number, "idempotency_key": key, "status": status, "headers": {}, "body": body}
            for piece in (orjson.dumps(result)[:20], orjson.dumps(result)[20:] + b"\n"):  # as it may come
                self._answers[request].put_nowait(piece)

    def end(self, request: int = -1) -> None:
        """Of the answer; before the lines have ended it breaks off."""
        self._answers[request].put_nowait(None)


Scenario = Callable[[Half, Peer, Client], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def run() -> None:
        ledger, peer = Half(), Peer()
        await scenario(ledger, peer, Client(ledger, peer))

    asyncio.run(run())


def lines(customer: int, *keys: str) -> Sequence[dict[str, Any]]:
    """Customers with odd numbers are the other node's."""
    return [change(customer, key) for key in keys]


def test_each_line_goes_to_its_owner_and_keeps_its_number() -> None:
    async def scenario(ledger: Half, peer: Peer, client: Client) -> None:
        # when lines come for both nodes
        client.send(*lines(2, "a"), *lines(1, "b", "c"), *lines(4, "d"), *lines(3, "e"))
        await turns()
        # then the other node's are in one request
        assert (peer.requests, len(ledger.submitted)) == ([["b", "c", "e"]], 2)
        # and its results come in its order, under the numbers of this batch
        peer.answer(3, 1, 2)
        ledger.answer()
        ledger.answer()
        await turns()
        assert {key: result["line"] for key, result in client.results.items()} == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
        await asyncio.gather(client.end(), ended(peer))

    play(scenario)


async def ended(peer: Peer) -> None:
    """The other node ends when its lines do."""
    await turns()
    peer.end()


def test_what_breaks_off_is_unknown_and_nothing_overtakes_it() -> None:
    async def scenario(ledger: Half, peer: Peer, client: Client) -> None:
        # given lines at the other node, one of them answered
        client.send(*lines(1, "a", "b"), *lines(3, "c"))
        await turns()
        peer.answer(1)
        # when it breaks off, and its partition is ours by then
        peer.end()
        await turns()
        ledger.own = {"0", "1"}
        client.send(*lines(1, "d"), *lines(5, "e"))
        await turns()
        ledger.answer()
        await client.end()
        # then what had no answer may have been done, what is behind it waits for it, and the rest goes on
        assert client.codes() == {
            "a": 200, "b": "outcome-unknown", "c": "outcome-unknown", "d": "earlier-unavailable", "e": 200,
        }  # fmt: skip

    play(scenario)


def test_lines_follow_those_before_them_wherever_they_are() -> None:
    async def scenario(ledger: Half, peer: Peer, client: Client) -> None:
        # given a line at the other node
        client.send(*lines(1, "a"))
        await turns()
        # when its partition becomes ours
        ledger.own = {"0", "1"}
        client.send(*lines(1, "b"), *lines(3, "c"))
        await turns()
        # then those of its customer go on to the other node; other customers' do not
        assert (peer.requests, len(ledger.submitted)) == ([["a", "b"]], 1)
        peer.answer(1, 2)
        await turns()
        # and when they are answered, nor do that customer's
        client.send(*lines(1, "d"))
        await turns()
        assert len(ledger.submitted) == 2
        ledger.answer()
        ledger.answer()
        await asyncio.gather(client.end(), ended(peer))

    play(scenario)


def test_an_owner_that_is_none_any_more_gets_no_more_lines() -> None:
    async def scenario(_: Half, peer: Peer, client: Client) -> None:
        client.send(*lines(1, "a", "b"), *lines(3, "c"))
        await turns()
        # when the other node says that it is not the owner
        peer.answer(1, status=503, code="partition-not-served", retryable=True)
        await turns()
        client.send(*lines(1, "d"), *lines(5, "e"))
        await turns()
        # then the owners are looked up again, and what comes goes there in a request of its own
        assert (peer.doubts, peer.requests) == (1, [["a", "b", "c"], ["e"]])
        peer.answer(2, request=0, status=503, code="earlier-unavailable", retryable=True)
        peer.answer(3, request=0)
        peer.end(request=0)
        peer.answer(1)
        await asyncio.gather(client.end(), ended(peer))
        assert client.codes() == {
            "a": "partition-not-served", "b": "earlier-unavailable", "c": 200, "d": "earlier-unavailable", "e": 200,
        }  # fmt: skip

    play(scenario)
