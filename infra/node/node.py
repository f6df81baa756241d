"""The node: takes commands, has the right shard decide them, and answers when their window has committed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from math import inf
from typing import Any, cast

import structlog
from opentelemetry.trace import Tracer

from commands.catalog.view import CatalogView
from commands.command import Command
from commands.ports import Answer, NotServed, OutcomeUnknown, Preview, Settled, Succession, Unavailable, Vault
from commands.shard import Decided, Shard
from commands.subscription.transfer import STEP
from domain import ids
from domain.catalog.aggregates import Clock
from domain.catalog.events import ClockAdvanced
from domain.errors import NotFound, Refusal, RuleViolated
from domain.event import Aggregate, Event
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Handover
from infra.eventlog.counts import WindowCounts
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed, Listener
from infra.eventlog.log import Log
from infra.eventlog.reader import ReaderState
from infra.eventlog.record import CATALOG
from infra.node.advances import Advances
from infra.node.catalog import NodeCatalog
from infra.node.charges import Charges
from infra.node.clocks import Clocks
from infra.node.cluster import Cluster
from infra.node.counts import NodeCounts, NodeState
from infra.node.effects import Effects
from infra.node.listener import LoopListener
from infra.node.partition import Served, Ticket, fail
from infra.node.partitions import Partitions
from infra.node.queue import Places
from infra.node.report import report
from infra.node.spans import CommandSpans
from infra.node.streams import CHARGE, TRANSFER, IndexStreams
from infra.node.tenants import Tenants
from infra.node.transfers import Transfers
from infra.node.window import Window
from infra.psp.registry import Gateways

_log = structlog.get_logger(__name__)

ANSWER_LIMIT_S = 15.0
EXPIRE_S = 0.5
LEAVE_S = 1.5
DRAIN_LIMIT_S = 4.0


class Node:
    """Implements `commands.ports.Ledger`; told by the window process through `LoopListener`."""

    def __init__(
        self,
        log: Log,
        window: Callable[[Listener], Window],
        *,
        vault: Vault,
        gateways: Gateways,
        secret: bytes,
        clock: Callable[[], datetime],
        waiting_max: int = 3000,
        tracer: Tracer | None = None,
        name: str = "",
        address: str = "",
        cluster: Cluster | None = None,
    ) -> None:
        """``cluster`` None: there are no other nodes."""
        self.catalog = CatalogView(gateways.names)
        self._vault = vault
        self._secret = secret
        self._name, self._address = name, address
        self._cluster = cluster
        self._clock = clock
        self._places = Places(waiting_max)
        self.partitions = log.partitions
        self._ledger = tuple(partition for partition in log.partitions if partition != CATALOG)
        self._partitions = Partitions()
        self._closing = False
        self._last_answers_at = inf
        self._failing = ""
        self._leaving: asyncio.Task[None] | None = None
        self.counts = NodeCounts()
        self._spans = None if tracer is None else CommandSpans(tracer)
        self._transfers = Transfers(len(self._ledger), self._submit_own, cluster)
        self._effects = Effects(Charges(gateways, self.counts), self._transfers, self._submit_own)
        self._clocks = Clocks(self._deciding, self._effects)
        self._listener = LoopListener(self)
        self._window = window(self._listener)
        self._catalog = NodeCatalog(log, self.catalog, self._listener)
        self._advances = Advances(self._catalog, self._partitions, self._clocks, self._may_decide, self._served_ledger, cluster)

    async def start(self) -> None:
        """Begin to own, and to fire timers."""
        self._loop = asyncio.get_running_loop()
        self._tenants = Tenants(self._partitions.served, self._loop.time)
        self._listener.start()
        self._dead: asyncio.Future[None] = self._loop.create_future()
        self._ticking = self._loop.create_task(self._clocks.run())
        self._ticking.add_done_callback(self._ticker_ended)
        self._expiring = self._loop.call_later(EXPIRE_S, self._expire)
        self._catalog.start()
        await self._window.start()

    def _expire(self) -> None:
        """Answer who has waited too long; what they asked for still may be done."""
        now = self._loop.time()

        def over(ticket: Ticket) -> bool:
            return min(ticket.deadline, self._last_answers_at) <= now

        for served in self._partitions.served.values():
            for ticket in served.waiting.take_while(over):
                not_done = Unavailable("overloaded", "Its turn did not come in time, and it was not done.")
                fail(ticket, OutcomeUnknown() if ticket.appended else not_done)
        for ticket in filter(over, self._partitions.committing()):
            if ticket.deadline:
                self._failing = self._failing or "a commit has no answer"
                fail(ticket, OutcomeUnknown())
        self._expiring = self._loop.call_later(EXPIRE_S, self._expire)

    async def give_back(self) -> None:
        """Own nothing any more, as soon as what waits has committed: what comes from now on is for other nodes to do.

        Returns after ``LEAVE_S`` at the latest, when who has no answer by then is told so; ``close`` waits for the rest.
        """
        self._closing = True
        self._last_answers_at = self._loop.time() + LEAVE_S
        self._leaving = self._loop.create_task(self._leave())
        await asyncio.wait([self._leaving], timeout=LEAVE_S)

    async def _leave(self) -> None:
        self._ticking.cancel()
        self._advances.stop()
        await self._effects.close()
        end = self._loop.time() + DRAIN_LIMIT_S
        while any(served.unsettled or served.waiting for served in self._partitions.served.values()) and self._loop.time() < end:
            await asyncio.sleep(0.01)
        await self._window.close()

    async def close(self) -> None:
        """End; gives back before, if that was not done."""
        if self._leaving is None:
            await self.give_back()
        assert self._leaving is not None
        try:
            await self._leaving
        finally:
            self._expiring.cancel()
            await self._catalog.close()
            await asyncio.sleep(0)  # lets the callbacks that it left run

    async def wait_dead(self) -> None:
        """Returns never, or raises what ended the window process or the timers."""
        await self._dead

    # The port of the API

    def submit(self, command: Command, succession: Succession | None = None) -> Awaitable[Answer]:
        return cast(Awaitable[Answer], self._ask(command, succession))

    def preview(self, command: Command) -> Awaitable[Preview]:
        return cast(Awaitable[Preview], self._ask(replace(command, dry_run=True)))

    def _ask(self, command: Command, succession: Succession | None = None) -> Awaitable[Answer | Preview]:
        """An Answer, or a Preview where it is a dry run."""
        try:
            future = self._accept(command, succession)
        except Unavailable as unavailable:
            if not isinstance(unavailable, NotServed) or self._cluster is None:  # else another node is about to do it
                self.counts.failed(command.name, unavailable)
            raise
        return future if self.decides_once else self._decided(command, succession, future, self.catalog.sequence)

    @property
    def decides_once(self) -> bool:
        return CATALOG in self._partitions.served

    async def _decided(
        self, command: Command, succession: Succession | None, future: asyncio.Future[Answer | Preview], seen: int
    ) -> Answer | Preview:
        """The answer; a refusal perhaps for want of something that the catalog has by now is decided once more."""
        try:
            return await future
        except Refusal:
            if self.decides_once or not await self._catalog.moved_on(seen):
                raise
            return await self._accept(command, succession)

    def _accept(self, command: Command, succession: Succession | None) -> asyncio.Future[Answer | Preview]:
        if self._closing:
            raise NotServed(self._name_of(command), "This node is shutting down.", "shutting_down")
        return self._home_of(command).accept(command, self._loop.time() + ANSWER_LIMIT_S, succession).future

    async def _submit_own(self, command: Command) -> Answer:
        """An outcome's: never refused for the queue's length. What fell due before it came goes first: after a standstill a
        declined charge may suspend a subscription whose last periods are not billed yet.
        """
        served = self._home_of(command)
        served.fire_due(command.key)
        answer = await served.enqueue(command, deadline=self._loop.time() + ANSWER_LIMIT_S).future
        assert isinstance(answer, Answer)
        return answer

    def _name_of(self, command: Command) -> str:
        return ids.partition_of(command.customer, len(self._ledger)) if command.customer else CATALOG

    def _home_of(self, command: Command) -> Served:
        served = self._partitions.get(self._name_of(command))
        if command.customer and not self._may_decide(served):
            raise Unavailable("catalog_behind", "The catalog has not been read far enough yet.")
        return served

    def _may_decide(self, served: Served) -> bool:
        return not self._catalog.behind and self._has_read(served)

    def _has_read(self, served: Served) -> bool:
        """The catalog position that a partition's events carry never falls: its owner has read that far first."""
        return self._catalog.is_read and self.catalog.sequence >= served.catalog_sequence

    def customer_of(self, tenant: str, id: str) -> str:
        kind = ids.KINDS.get(id[:3])
        if kind is None or not ids.is_id(id, id[:3]):
            raise NotFound(kind or "resource", id)
        home = self._partitions.get(ids.partition_of(id, len(self._ledger))).shard.home(id)
        if home is None or not home.startswith(f"{tenant}/"):
            raise NotFound(kind, id)
        return home.partition("/")[2]

    async def settled(self, aggregate: Settled, timeout_s: float) -> tuple[Settled, str]:
        served = self._partitions.get(ids.partition_of(aggregate.id, len(self._ledger)))
        running = self._effects.running(aggregate.id)
        if running is not None:
            await asyncio.wait([running], timeout=timeout_s)
        latest = served.checked().streams.load(aggregate.id)
        assert isinstance(latest, type(aggregate))
        return latest, f"{served.name}@{served.sequence}"

    async def take_over(self, handover: Handover) -> str | None:
        return await self._transfers.here(handover)

    async def advance(self, clock: Clock) -> list[str]:
        return await self._advances.everywhere(clock, self._ledger)

    async def advance_partition(self, partition: str, tenant: str, clock: str, catalog_sequence: int) -> int:
        return await self._advances.here(partition, tenant, clock, catalog_sequence)

    async def catalog_reaches(self, sequence: int, timeout_s: float) -> bool:
        return await self._catalog.reaches(sequence, timeout_s)

    async def read_catalog(self) -> None:
        await self._catalog.read_to_end()

    def unready(self) -> list[str]:
        reasons = self._partitions.unready()
        if self._catalog.behind:
            reasons.append(self._catalog.behind)
        if self._failing:
            reasons.append(f"the log takes no write: {self._failing}")
        if self._closing:
            reasons.append("shutting down")
        return reasons

    @property
    def window_counts(self) -> WindowCounts:
        """What the window process counts."""
        return self._window.counts

    def state(self) -> NodeState:
        """What it has in hand just now."""
        served = list(self._partitions.served.values())
        effects = Counter(row.effect for each in served for row in each.queries.open_effects())
        due = [timer.due for each in served for timer in each.queries.due_timers("", each.now(), inclusive=True, limit=1)]
        return NodeState(
            assigned=self._partitions.assigned,
            broken=frozenset(self._partitions.broken),
            sequences={each.name: each.sequence for each in served},
            waiting={each.name: len(each.unsettled) + len(each.waiting) for each in served},
            waiting_max=self._places.limit,
            charging=self._effects.charging(),
            charges_open=effects[CHARGE],
            transfers_open=effects[TRANSFER],
            timers_late_s=(self._clock() - min(due)).total_seconds() if due else 0.0,
            unready=tuple(self.unready()),
        )

    def report(self) -> dict[str, Any]:
        return report(self._name, self._address, self.state(), self.window_counts)

    async def nodes(self) -> list[dict[str, Any]]:
        return [self.report()] if self._cluster is None else await self._cluster.reports(self.report())

    def _served_ledger(self) -> list[Served]:
        return [served for name, served in self._partitions.served.items() if name != CATALOG and self._has_read(served)]

    def _deciding(self) -> list[Served]:
        return [] if self._catalog.behind else self._served_ledger()

    # What the window process reports

    def on_assigned(self, partitions: frozenset[str]) -> None:
        self._partitions.assigned = partitions

    def on_serving(self, name: str, queries: IndexQueries, state: ReaderState, epoch: int) -> None:
        served = Served(
            name,
            Shard(IndexStreams(queries), self.catalog, self._vault, self._secret),
            queries,
            places=self._places,
            tenants=self._tenants,
            epoch=epoch,
            sequence=state.sequence,
            catalog_sequence=state.catalog_sequence,
            last_time=datetime.fromisoformat(state.time) if state.time else None,
            now=self._clock,
            counts=self.counts,
            submit=self._window.submit,
            spans=self._spans,
        )
        self._failing = ""
        if name == CATALOG:
            self._catalog.own(served.queries)
        self._partitions.serve(served)
        self._begin()

    def on_catalog(self, events: Sequence[tuple[Event, int]]) -> None:
        """What the follower read; as the catalog's owner we may know it already."""
        self._catalog.learn(events)
        self._begin()
        if any(isinstance(event, ClockAdvanced) for event, _ in events) and CATALOG not in self._partitions.served:
            self._advances.resume()

    def on_catalog_read(self) -> None:
        self._catalog.is_read = True
        self._begin()

    def _begin(self) -> None:
        """Where a partition may decide from now on: send its open attempts again, go on with test clocks that were advancing."""
        beginning = [served for served in self._served_ledger() if not served.begun]
        for served in beginning:
            served.begun = True
            for row in served.queries.open_effects():
                self._start_effect(served, served.shard.current(row.key, row.stream))
        if beginning:
            self._advances.resume()

    def _start_effect(self, served: Served, of: Aggregate | None) -> None:
        """The outcome of an attempt belongs to the attempt's time for a customer on a test clock; else it is dated when it
        comes.
        """
        if isinstance(of, Payment) and of.state == "pending":
            assert of.attempt is not None
            on_clock = served.shard.on_clock(f"{of.tenant}/{of.customer}")
            self._effects.charge(of, of.attempt.timestamp if on_clock else served.now())
        elif isinstance(of, Subscription) and of.transferring:
            self._effects.transfer(of, served.shard.clock_of(f"{of.tenant}/{of.customer}"))

    def on_broken(self, name: str, error: Exception) -> None:
        self._partitions.broken[name] = str(error)

    def on_stopped(self, partitions: frozenset[str], reason: str) -> None:
        self._disown(partitions)
        self._partitions.stop(partitions, reason)

    def on_unknown(self, partitions: frozenset[str], reason: str) -> None:
        self._disown(partitions)
        self._partitions.hold(partitions, reason)

    def _disown(self, partitions: frozenset[str]) -> None:
        if CATALOG in partitions:
            self._catalog.disown()

    def on_settled(self, results: Sequence[tuple[object, Committed]]) -> None:
        for token, committed in results:
            assert isinstance(token, Ticket)
            served = self._partitions.served[committed.partition]
            decided = served.settle(token, committed)
            if decided is not None:
                self._failing = ""
                self._follow(served, decided, committed)
        self._loop.call_soon(self._go_on)  # once the answers are on their way

    def _go_on(self) -> None:
        """Decide what waits where there is room by now."""
        for served in self._partitions.served.values():
            if served.waiting:
                served.go_on()

    def _follow(self, served: Served, decided: Decided, committed: Committed) -> None:
        """What a commit sets going: the catalog's view, and calls to providers."""
        if served.name == CATALOG:
            self._catalog.learn(zip(decided.events, count(committed.sequence - len(decided.events) + 1), strict=False))
            self._begin()
            return
        for key, wrapped in decided.data_keys.items():
            self._vault.remember(key, wrapped)
        for aggregate in decided.touched:
            self._start_effect(served, aggregate)
        if (decided.command.from_client or decided.command.actor == STEP) and served.shard.overdue(decided.command.key):
            self._advances.resume()

    def on_proved(self) -> None:
        self._failing = ""

    def on_failed(self, epochs: Mapping[str, int], reason: str) -> None:
        self._failing = reason
        for name, epoch in epochs.items():
            if name in self._partitions.served:
                self._partitions.served[name].decide_again(epoch, self._loop.time(), reason)
        self._go_on()

    def on_refused(self, token: object, reason: str) -> None:
        assert isinstance(token, Ticket)
        for served in self._partitions.served.values():
            served.drop(token)
        fail(token, RuleViolated("record_refused", f"The log refuses what would be written: {reason}"))
        self._loop.call_soon(self._go_on)

    def _ticker_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_died(error)

    def on_died(self, error: BaseException) -> None:
        _log.critical("node died", error=str(error))
        self._closing = True
        for served in self._partitions.served.values():
            for ticket in (*served.unsettled, *served.waiting):
                fail(ticket, Unavailable("log_unavailable", "This node has stopped."))
        if not self._dead.done():
            self._dead.set_exception(error if isinstance(error, Exception) else RuntimeError(str(error)))
