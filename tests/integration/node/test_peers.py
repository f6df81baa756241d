"""How a request finds the node that owns its partition: by a map that may be wrong, over connections that may break."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from threading import Event

import orjson
import pytest

from commands.api_forward import Reply, Request
from commands.ports import NotServed, Unavailable
from infra.eventlog.log import LogUnavailable
from infra.node import peers as module
from infra.node.owners import Owners
from infra.node.peers import Peers, open_peers

OWN, MARK = "here:1", "mark"
REQUEST = Request("POST", "/v1/customers?a=%20b", [("idempotency-key", '"k1"'), ("ledger-reason", "schön")], b'{"a":1}', 5.0)

Behaviour = Callable[["FakeNode"], Awaitable[bytes | None]]


def http(status: int, body: object, media_type: str = "application/json", **headers: str) -> bytes:
    content = orjson.dumps(body)
    given = {"Content-Type": media_type, "Content-Length": str(len(content)), "Date": "now", "Request-Id": "r", **headers}
    return f"HTTP/1.1 {status} X\r\n{''.join(f'{n}: {v}' + chr(13) + chr(10) for n, v in given.items())}\r\n".encode() + content


async def done(_: FakeNode) -> bytes:
    return http(201, {"id": "cus_1"}, ETag='"1"', Location="/v1/customers/cus_1")


async def batch(_: FakeNode) -> bytes:
    return http(200, {}, "application/x-ndjson")


async def late(node: FakeNode) -> bytes:
    await asyncio.sleep(3 * module.LOOK_S)
    return await done(node)


async def not_mine(_: FakeNode) -> bytes:
    return http(503, {"code": "partition-not-served"}, "application/problem+json")


async def is_no_node(_: FakeNode) -> bytes:
    """Something else, to which an address leads by mistake."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"


async def is_another_service(_: FakeNode) -> bytes:
    """One with problems of its own."""
    return b"HTTP/1.1 503 X\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}"


async def speaks_no_http(_: FakeNode) -> bytes:
    return b"SSH-2.0-x\r\n"


async def breaks_off(_: FakeNode) -> None:
    """The connection is closed without an answer."""


async def hangs(node: FakeNode) -> None:
    await node.ended.wait()


@dataclass
class FakeNode:
    """Answers requests one way; ``heads`` are those that it got."""

    behaviour: Behaviour
    address: str = ""
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(len(REQUEST.body))
                answer = await self.behaviour(self)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass  # the client has closed it
        finally:
            writer.close()


@dataclass
class World:
    """``owners`` is the truth that the group of owners tells; ``asked`` how often it did."""

    peers: Peers
    stack: AsyncExitStack
    owners: dict[str, frozenset[str]] = field(default_factory=dict)
    asked: int = 0
    fails: bool = False
    answers: Event = field(default_factory=Event)
    here: int = 0

    def ask(self) -> Mapping[str, frozenset[str]]:
        self.asked += 1
        self.answers.wait()
        if self.fails:
            raise LogUnavailable("no broker answers")
        return dict(self.owners)

    async def node(self, behaviour: Behaviour) -> FakeNode:
        node = FakeNode(behaviour)
        server = await asyncio.start_server(node.serve, "127.0.0.1")
        node.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self.stack.callback(server.close)
        self.stack.callback(node.ended.set)
        return node

    def owns(self, address: str) -> None:
        """From now on."""
        self.owners = {address: frozenset({"7"})}

    async def forward(self, request: Request = REQUEST) -> Reply:
        return await self.peers.forward("7", request, self._here)

    async def stream(self) -> bytes:
        async def lines() -> AsyncIterator[bytes]:
            yield REQUEST.body

        return b"".join([piece async for piece in self.peers.stream("7", REQUEST, lines())])

    async def _here(self) -> Reply:
        self.here += 1
        if self.here < 3:
            raise NotServed("7", "not taken over yet")
        return Reply(200, {}, b"done here")


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        found = World(None, stack)  # type: ignore[arg-type]
        found.answers.set()
        stack.callback(found.answers.set)
        found.peers = await stack.enter_async_context(open_peers(OWN, Owners(lambda: found.ask()), MARK))
        yield found


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is: no owner is given up, nor doubted."""
    monkeypatch.setattr(module, "PATIENCE_S", 60.0)
    monkeypatch.setattr(module, "LOOK_S", 60.0)


@pytest.fixture
def impatient(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  after it
    monkeypatch.setattr(module, "PATIENCE_S", 0.5)


@pytest.fixture
def curious(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  after it
    """Soon in doubt about an owner that does not answer."""
    monkeypatch.setattr(module, "LOOK_S", 0.1)


def run(scenario: Callable[[World], Awaitable[None]]) -> None:
    async def running() -> None:
        async with world() as found:
            await scenario(found)

    asyncio.run(running())


def test_the_request_goes_on_whole_and_the_answer_comes_back_as_it_is() -> None:
    async def scenario(world: World) -> None:
        owner = await world.node(done)
        world.owns(owner.address)
        reply = await world.forward()
        assert reply == Reply(201, {"etag": '"1"', "location": "/v1/customers/cus_1"}, b'{"id":"cus_1"}')
        (head,) = owner.heads
        line, *headers = head.decode().rstrip().split("\r\n")
        assert line == "POST /v1/customers?a=%20b HTTP/1.1"
        assert {'idempotency-key: "k1"', "ledger-reason: schön", f"ledger-forwarded-by: {MARK}"} <= set(headers)

    run(scenario)


def test_many_requests_take_one_look_at_the_owners_and_few_connections() -> None:
    async def scenario(world: World) -> None:
        owner = await world.node(done)
        world.owns(owner.address)
        await asyncio.gather(*(world.forward() for _ in range(20)))
        for _ in range(20):
            await world.forward()
        assert (len(owner.heads), world.asked) == (40, 1)
        assert owner.connections <= 20

    run(scenario)


@pytest.mark.parametrize("former", [not_mine, breaks_off])
def test_a_partition_that_has_moved_is_found(former: Behaviour) -> None:
    async def scenario(world: World) -> None:
        # given a map that is out of date
        before, owner = await world.node(done), await world.node(done)
        world.owns(before.address)
        await world.forward()
        before.behaviour = former
        world.owns(owner.address)
        # when
        reply = await world.forward()
        # then it was looked up once more
        assert (reply.status, len(owner.heads), world.asked) == (201, 1, 2)

    run(scenario)


def test_an_owner_that_is_gone_is_replaced_by_the_next() -> None:
    async def scenario(world: World) -> None:
        world.owns("127.0.0.1:1")
        forwarding = asyncio.ensure_future(world.forward())
        owner = await world.node(done)
        while not world.peers.counts["unreachable"]:
            await asyncio.sleep(0.01)
        world.owns(owner.address)
        assert (await forwarding).status == 201

    run(scenario)


@pytest.mark.usefixtures("curious")
def test_an_owner_that_hangs_is_left_when_it_is_no_owner_any_more() -> None:
    async def scenario(world: World) -> None:
        hanging, owner = await world.node(hangs), await world.node(done)
        world.owns(hanging.address)
        forwarding = asyncio.ensure_future(world.forward())
        while not hanging.heads:
            await asyncio.sleep(0.01)
        world.owns(owner.address)
        assert (await forwarding).status == 201
        assert world.peers.counts["moved"] == 1

    run(scenario)


def test_what_turns_out_to_be_our_own_is_done_here() -> None:
    async def scenario(world: World) -> None:
        world.owns(OWN)
        assert (await world.forward()).body == b"done here"
        assert world.here == 3

    run(scenario)


def test_what_is_no_longer_our_own_is_streamed_to_who_has_it() -> None:
    """Nobody else may have noticed: a batch alone was told for ever that there is no owner."""

    async def scenario(world: World) -> None:
        # given a partition that was ours when we last heard of it
        world.owns(OWN)
        await world.forward()
        owner = await world.node(batch)
        world.owns(owner.address)
        # when a batch has lines for it, then they go to its owner
        assert await world.stream() == b"{}"

    run(scenario)


@pytest.mark.usefixtures("impatient")
def test_nobody_is_asked_for_ever() -> None:
    async def scenario(world: World) -> None:
        # given a node that is thought to be the owner and says that it is not
        wrong = await world.node(not_mine)
        world.owns(wrong.address)
        # when the patience is at an end, then it is said that nothing was done
        with pytest.raises(NotServed):
            await world.forward()
        assert 2 < len(wrong.heads) < 20

    run(scenario)


@pytest.mark.usefixtures("impatient")
def test_many_that_wait_for_an_owner_ask_no_more_often_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        # given a node that is thought to be the owner, and has said that it is not
        owner = await world.node(not_mine)
        world.owns(owner.address)
        with pytest.raises(NotServed):
            await world.forward()
        # when many wait for it
        monkeypatch.setattr(module, "PATIENCE_S", 60.0)
        asked, begun = len(owner.heads), time.monotonic()
        waiting = [asyncio.ensure_future(world.forward()) for _ in range(200)]
        await asyncio.sleep(3 * module.PAUSE_S)
        # then it is asked once a pause for all of them
        assert 1 <= len(owner.heads) - asked <= (time.monotonic() - begun) / module.PAUSE_S + 1
        # and when it has become the owner, then all go on
        owner.behaviour = done
        assert {reply.status for reply in await asyncio.gather(*waiting)} == {201}

    run(scenario)


@pytest.mark.parametrize("behaviour", [breaks_off, hangs, is_no_node, is_another_service, speaks_no_http])
def test_what_was_sent_and_not_answered_may_have_been_done(behaviour: Behaviour) -> None:
    async def scenario(world: World) -> None:
        owner = await world.node(behaviour)
        world.owns(owner.address)
        with pytest.raises(Unavailable) as caught:
            await world.forward(replace(REQUEST, limit_s=0.3))
        assert caught.value.code == "outcome_unknown"
        # and every time it went under the same key
        assert all(b'idempotency-key: "k1"' in head for head in owner.heads)

    run(scenario)


@pytest.mark.usefixtures("impatient")
def test_while_the_owners_cannot_be_asked_what_is_known_holds() -> None:
    async def scenario(world: World) -> None:
        owner = await world.node(done)
        world.owns(owner.address)
        await world.forward()
        world.fails = True
        owner.behaviour = not_mine
        with pytest.raises(NotServed):
            await world.forward()
        owner.behaviour = done
        assert (await world.forward()).status == 201

    run(scenario)


@pytest.mark.usefixtures("curious", "impatient")
def test_a_log_that_hangs_holds_nobody_up() -> None:
    async def scenario(world: World) -> None:
        # given a log that does not say who owns what any more
        owner = await world.node(done)
        world.owns(owner.address)
        await world.forward()
        world.answers.clear()
        # when an owner takes long, then its answer comes as soon as it is there
        owner.behaviour = late
        async with asyncio.timeout(5):
            assert (await world.forward()).status == 201
        # and when it is none any more, then that is told when the patience is at an end
        owner.behaviour = not_mine
        async with asyncio.timeout(5):
            with pytest.raises(NotServed):
                await world.forward()

    run(scenario)
