"""A simulated deployment: brokers, nodes that run the ledger's code, a provider, and clients who repeat what has no answer."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from commands import api_render
from commands.command import Command
from commands.ports import Answer, Unavailable
from domain.errors import Refusal
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import LogUnavailable
from infra.node.node import Node
from infra.psp.registry import Gateways
from infra.vault import Vault
from tests.simulation.broker import Cluster
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.kernel import Host, Kernel
from tests.simulation.loop import SimLoop
from tests.simulation.provider import Provider
from tests.simulation.requests import SECRET, Request, command_of, shop
from tests.simulation.wire import Wire
from tests.window import InThread

BEGIN_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
ENVIRONMENT = "sandbox"
PARTITIONS = 2
RESTART_S = 1.0
PATIENCE_S = 20.0
WATCH_S = 0.25


class Reset(ConnectionError):
    """The connection broke: whether the request was done is not known."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer with the resource as the API shows it."""

    answer: Answer
    resource: dict[str, Any]


Result = Shown | Refusal | Unavailable | Reset


@dataclass(slots=True)
class Attempt:
    """One time that a request was sent. ``result`` is None as long as nothing came back."""

    server: str
    begin: float
    end: float | None = None
    result: Result | None = None


@dataclass(eq=False, slots=True)
class Call:
    """A client's request (None: the shop's) with all its attempts; ``answer`` is what ended it."""

    command: Command
    request: Request | None
    words: str
    attempts: list[Attempt] = field(default_factory=list)
    answer: Result | None = None


@dataclass(eq=False, slots=True)
class Server:
    """One node: its process of now, if there is one, and the folder that its indexes are in."""

    name: str
    folder: Path
    host: Host
    loop: SimLoop | None = None
    node: Node | None = None
    waiting: set[asyncio.Future[Shown]] = field(default_factory=set)

    @property
    def up(self) -> bool:
        return self.loop is not None and not self.host.dead


class World:
    """``released`` hears of each answer as a client gets it, ``called`` of each call to the provider."""

    def __init__(self, kernel: Kernel, folder: Path, nodes: int) -> None:
        self.kernel = kernel
        self.warp_s = 0.0
        self.calls: list[Call] = []
        self.deaths: list[str] = []
        places = [("sandbox.ledger.catalog", 0), ("sandbox.ledger.keys", 0)]
        places += [("sandbox.ledger.events", number) for number in range(PARTITIONS)]
        self.cluster = Cluster(kernel, places, self.wall)
        self.group = Group(kernel, tuple(place for place in places if not place[0].endswith("keys")))
        self.faults = Faults(kernel, self.kill)
        self.wire = Wire(kernel, self.cluster, self.group, self.faults)
        self.released: Callable[[Call, Answer], None] = lambda _call, _answer: None
        self.called: Callable[[str], None] = lambda _key: None
        self.provider = Provider(kernel, lambda key: self.called(key))
        self.cluster.put(("sandbox.ledger.keys", 0), b"partitions", str(PARTITIONS).encode())
        self.servers = {name: Server(name, folder / name, Host(name)) for name in "abc"[:nodes]}
        self.clients = SimLoop(kernel, Host("clients"))
        self.open_calls = 0
        self.faults_end = False

    def wall(self) -> float:
        """The true time, in seconds since 1970."""
        return BEGIN_S + self.kernel.now + self.warp_s

    # Nodes

    def start(self, name: str) -> None:
        """A new process of a node."""
        server = self.servers[name]
        if server.up:
            return
        self.kernel.trace(f"{name} starts")
        server.host = Host(name)
        server.loop = SimLoop(self.kernel, server.host)
        server.loop.call_soon(lambda: server.loop and server.loop.create_task(self._serve(server)))

    async def _serve(self, server: Server) -> None:
        host = server.host
        try:
            log = KafkaLog("simulated", ENVIRONMENT, node=server.name, clock=lambda: self.wall() + host.skew_s)
            clock = lambda: datetime.fromtimestamp(self.wall() + host.skew_s, UTC)  # noqa: E731
            keys = log.keys()
            server.node = Node(
                log,
                partial(InThread, log, server.folder, clock),
                vault=Vault(bytes(32), keys),
                gateways=Gateways({"simulator": self.provider}),
                secret=SECRET,
                clock=clock,
            )
            await server.node.start()
            await server.node.wait_dead()
        except Exception as error:  # a real one ends its process, and is started again: as it should where the log is away
            self.kernel.trace(f"{server.name} died: {error!r}")
            if not isinstance(error, LogUnavailable):
                self.deaths.append(repr(error))
            self.kernel.after(0, self._end, server, host)

    def _end(self, server: Server, host: Host) -> None:
        if server.host is host and server.up:
            self.kill(host)

    def kill(self, host: Host, back_after_s: float = RESTART_S, *, lose_indexes: bool = False) -> None:
        """SIGKILL; it is started again later."""
        if host.dead:
            return
        self.kernel.trace(f"{host.name} is killed")
        server = self.servers[host.name]
        self.kernel.kill(host)
        self._gone(server)
        if lose_indexes:
            shutil.rmtree(server.folder, ignore_errors=True)
        self.kernel.after(back_after_s, self.start, host.name)

    def stop(self, name: str) -> None:
        """SIGTERM: a node ends in good order, and is started again."""
        server = self.servers[name]
        if server.up and server.node is not None and server.loop is not None:
            self.kernel.trace(f"{name} is told to stop")
            loop = server.loop
            loop.call_soon(lambda: loop.create_task(self._stop(server, server.host)))

    async def _stop(self, server: Server, host: Host) -> None:
        assert server.node is not None
        with suppress(TimeoutError):  # its window process is killed then, and it ends all the same
            await server.node.close()
        self.kernel.after(0, self._end, server, host)

    def _gone(self, server: Server) -> None:
        if server.node is not None:
            for served in server.node._partitions.served.values():
                served.queries.close()
        server.node = server.loop = None
        for future in server.waiting:
            if not future.done():
                future.set_exception(Reset(server.name))
        server.waiting.clear()

    # Clients

    def set_up_shop(self) -> None:
        self._client(self._send_all(shop()))

    def ask(self, request: Request) -> None:
        """Have a client send a request until it is answered."""
        self.open_calls += 1
        self._client(self._answered(Call(command_of(request), request, str(request))))

    def _client(self, work: object) -> None:
        self.clients.call_soon(self.clients.create_task, work)

    async def _send_all(self, commands: list[Command]) -> None:
        for number, command in enumerate(commands):
            self.open_calls += 1
            await self._answered(Call(command, None, f"shop {number}"))

    async def _answered(self, call: Call) -> None:
        self.calls.append(call)
        turn = len(self.calls)
        names = list(self.servers)
        while call.answer is None:
            turn += 1
            result = await self._attempt(call, self.servers[names[turn % len(names)]])
            if isinstance(result, Shown | Refusal) and not getattr(result, "retryable", False):
                call.answer = result
            else:
                await asyncio.sleep(self.kernel.latency(0.1))
        self.open_calls -= 1

    async def _attempt(self, call: Call, server: Server) -> Result:
        attempt = Attempt(server.name, self.kernel.now)
        call.attempts.append(attempt)
        future: asyncio.Future[Shown] = self.clients.create_future()
        self.kernel.after(self.kernel.latency(), self._arrive, server, call.command, future)
        try:
            attempt.result = await asyncio.wait_for(future, PATIENCE_S)
            self.released(call, attempt.result.answer)
        except (Refusal, Unavailable, Reset) as error:
            attempt.result = error
        except TimeoutError:
            attempt.result = Reset("no answer")
        attempt.end = self.kernel.now
        self.kernel.trace(f"{server.name} answers {call.words}: {said(attempt.result)}")
        return attempt.result

    def _arrive(self, server: Server, command: Command, future: asyncio.Future[Shown]) -> None:
        if not server.up or server.node is None or server.loop is None:
            if not future.done():
                future.set_exception(Reset(server.name))
            return
        server.waiting.add(future)
        server.loop.call_soon(self._submit, server.loop, server.node, server, command, future)

    def _submit(self, loop: SimLoop, node: Node, server: Server, command: Command, future: asyncio.Future[Shown]) -> None:
        async def submit() -> None:
            result: Shown | Exception
            try:
                answer = await node.submit(command)
                result = Shown(answer, api_render.resource(answer.target, node._vault))
            except (Refusal, Unavailable) as error:
                result = error
            self.kernel.after(self.kernel.latency(), self._give, server, future, result)

        loop.create_task(submit())

    def _give(self, server: Server, future: asyncio.Future[Shown], result: Shown | Exception) -> None:
        server.waiting.discard(future)
        if future.done():
            return
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)

    # Settling

    def heal(self) -> None:
        """No fault from now on; whoever is down is started."""
        self.kernel.trace("all faults end")
        self.faults.disarm()
        self.cluster.marker_delay_s = self.cluster.append_delay_s = 0.001
        for server in self.servers.values():
            server.host.cut_until = server.host.skew_s = 0.0
            server.host.paused_until = min(server.host.paused_until, self.kernel.now)
            self.kernel._resume(server.host)
            self.start(server.name)
        self._watch()

    def _watch(self) -> None:
        if not self.unsettled():
            self.kernel.done = True
        else:
            self.kernel.after(WATCH_S, self._watch)

    def unsettled(self) -> list[str]:
        """What is still to come, or never comes."""
        found = [f"{self.open_calls} calls have no answer"] if self.open_calls else []
        served: list[str] = []
        for server in self.servers.values():
            if server.node is None:
                found.append(f"{server.name} is down")
                continue
            found += [f"{server.name}: {reason}" for reason in server.node.unready() if not reason.startswith("no partition is")]
            served += server.node._partitions.served
            state = server.node.state() if not found else None
            if state is not None and (any(state.waiting.values()) or state.charging or state.timers_late_s > 0):
                found.append(f"{server.name}: {state.waiting} wait, {state.charging} charge, {state.timers_late_s} s late")
        if any(partition.open for partition in self.cluster.partitions.values()):
            found.append("markers are still to come")
        if not found and sorted(served) != sorted(["catalog", *map(str, range(PARTITIONS))]):
            found.append(f"served are {sorted(served)}")
        return found

    def end(self) -> None:
        """Nothing of it runs on."""
        for server in self.servers.values():
            if not server.host.dead:
                self.kernel.kill(server.host)
                self._gone(server)
        self.kernel.kill(self.clients.host)


def said(result: Result) -> str:
    if isinstance(result, Shown):
        answer = result.answer
        return f"{answer.stream} version {answer.version} at {answer.position}{' (again)' if answer.replayed else ''}"
    return f"{type(result).__name__} {getattr(result, 'code', '')}"
