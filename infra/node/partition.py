"""One served partition on the loop's side: its shard, what waits to be decided, and what waits for its window, in order."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import time_ns

import structlog
from opentelemetry.trace import Span

from commands.command import Command
from commands.ports import Answer, NotServed, Preview, QueueFull, Quota, Remembered, Succession, Unavailable
from commands.shard import Decided, Replay, Shard
from commands.timers import TIMER, timer_command
from domain.errors import Refusal
from infra.eventlog.index_queries import IndexQueries
from infra.eventlog.listener import Committed, Entry
from infra.eventlog.record import Append, Event
from infra.node.counts import NodeCounts
from infra.node.queue import FairQueue, Places
from infra.node.spans import CommandSpans, end_committed, end_failed
from infra.node.streams import IndexStreams, derived_of
from infra.node.tenants import AHEAD_MAX, Tenants

_log = structlog.get_logger(__name__)

# Until a timer that could not be decided is tried again.
REST = timedelta(seconds=10)


@dataclass(slots=True, eq=False)
class Ticket:
    """A command on its way. ``decision`` is what its window holds now; it changes when the window fails and all is decided again.

    ``appended``: it was decided with events once, so that finding it in the log later is no replay of somebody else's.
    """

    command: Command
    future: asyncio.Future[Answer | Preview]
    counts: NodeCounts
    decision: Decided | Replay | Preview | Refusal | None = None
    decided_at: datetime | None = None
    original: Ticket | None = None
    committed: Committed | None = None
    deadline: float = 0.0
    succession: Succession | None = None
    appended: bool = False
    span: Span | None = None


class Served:
    """Decides for one partition while this node owns it. ``now`` gives the wall clock; ``submit`` hands an entry to the window
    thread.

    ``unsettled`` is decided and waits for its window, in order; those of them that no client sent are in ``own`` as well.
    ``waiting`` is not decided yet. ``resting`` are customers of whom a timer could not be decided, until when.
    """

    def __init__(
        self,
        name: str,
        shard: Shard,
        queries: IndexQueries,
        *,
        places: Places,
        tenants: Tenants,
        epoch: int,
        sequence: int,
        catalog_sequence: int,
        last_time: datetime | None,
        now: Callable[[], datetime],
        counts: NodeCounts,
        submit: Callable[[Entry], None],
        spans: CommandSpans | None,
    ) -> None:
        self.name = name
        self.shard = shard
        self.queries = queries
        self.streams = IndexStreams(queries)
        self.epoch = epoch
        self.sequence = sequence
        self.catalog_sequence = catalog_sequence
        self.waiting = FairQueue[Ticket](name, places)
        self.unsettled: dict[Ticket, None] = {}
        self.own: set[Ticket] = set()
        self.resting: dict[str, datetime] = {}
        self._tenants = tenants
        self._on_way: Counter[str] = Counter()
        self.gone = False
        self.begun = False  # its open attempts have been sent again
        self._recorded_at = last_time  # the latest time of what is in the log
        self._decided_at = last_time  # and of what was decided on
        self._wall = now
        self._submit = submit
        self._counts = counts
        self._spans = spans
        self._by_id: dict[tuple[str, str], Ticket] = {}

    def checked(self) -> Served:
        """Itself; raises NotServed where the node serves the partition no more, and its index is closed."""
        if self.gone:
            raise NotServed(self.name, f"Partition {self.name} was lost meanwhile.")
        return self

    def now(self) -> datetime:
        """The wall clock, but never before what was recorded or decided: time does not go back."""
        now = self._wall()
        return now if self._decided_at is None else max(now, self._decided_at)

    async def rest(self) -> None:
        """Until all that is decided by now is answered."""
        if futures := [ticket.future for ticket in self.unsettled]:
            await asyncio.wait(futures)

    def fire_due(self, key: str, at_most: int = sys.maxsize) -> None:
        """Let every timer of a customer that is due by now go first. One that cannot be decided keeps only this customer's timers
        from going on, for a while: whatever is wrong with it, others are served.
        """
        now = self.now()
        if self.rests(key, now):
            return
        while at_most > 0 and (timer := self.shard.next_due(key, now)) is not None:
            tenant, _, customer = key.partition("/")
            try:
                ticket = self.enqueue(timer_command(tenant, customer, timer.stream, timer.kind, timer.due))
            except Exception:
                _log.exception("timer failed", stream=timer.stream, kind=timer.kind)
                self.resting[key] = now + REST
                return
            ticket.future.add_done_callback(_retrieved)
            if isinstance(ticket.decision, Refusal):
                _log.error("timer refused", stream=timer.stream, kind=timer.kind, refusal=str(ticket.decision))
                self.resting[key] = now + REST
                return
            at_most -= 1

    def rests(self, key: str, now: datetime) -> bool:
        """Whether a customer's timers wait, since one could not be decided."""
        if key in self.resting and self.resting[key] <= now:
            del self.resting[key]
        return key in self.resting

    def accept(self, command: Command, deadline: float, succession: Succession | None) -> Ticket:
        """A client's: decide it, or let it wait for its turn; what `enqueue` says holds. Raises QueueFull."""
        self._tenants.sent(command.tenant)
        if self._has_to_wait(command.tenant) and not (quota := self.waiting.quota(command.tenant)).left:
            self._tenants.refused(command.tenant, self.name)
            raise QueueFull(quota)
        ticket = self._ticket(command, deadline, succession)
        self.place(ticket)
        return ticket

    def place(self, ticket: Ticket) -> None:
        """Decide it, or let it wait for its turn where enough is on its way."""
        if self._has_to_wait(ticket.command.tenant):
            self.waiting.put(ticket.command.tenant, ticket)
        else:
            self._begin(ticket)

    def go_on(self) -> None:
        """Decide of what waits as much as there is room for by now."""
        while not self._is_ahead() and (ticket := self.waiting.take(self._has_room)) is not None:
            self._begin(ticket)

    def _has_to_wait(self, tenant: str) -> bool:
        return tenant in self.waiting or self._is_ahead() or not self._has_room(tenant)

    def _is_ahead(self) -> bool:
        return len(self.unsettled) - len(self.own) >= AHEAD_MAX

    def _has_room(self, tenant: str) -> bool:
        return self._on_way[tenant] < self._tenants.ahead_max()

    def _begin(self, ticket: Ticket) -> None:
        if ticket.command.customer:
            self.fire_due(ticket.command.key)
        self.admit(ticket)

    def enqueue(self, command: Command, deadline: float = 0.0) -> Ticket:
        """One of our own: decide and let it wait for its window; ``deadline`` is the loop time at which a failing log ends the
        wait.
        """
        ticket = self._ticket(command, deadline)
        self.admit(ticket)
        return ticket

    def _ticket(self, command: Command, deadline: float, succession: Succession | None = None) -> Ticket:
        future = asyncio.get_running_loop().create_future()
        return Ticket(command, future, self._counts, deadline=deadline, succession=succession)

    def admit(self, ticket: Ticket) -> None:
        """Decide (again) on the present state. Refusals, replays and previews wait too: the state they rest on has to commit
        first.
        """
        if ticket.succession is not None and ticket.succession.broken:
            fail(ticket, Unavailable("earlier_unavailable", "A command before it was not done: first that one."))
            return
        command, append, derived = ticket.command, None, {}
        now = ticket.decided_at = self._decided_at = self.now()
        begun_ns = 0 if self._spans is None else time_ns()
        ticket.original = None  # decided again, it may be no replay of that one any more
        key = (command.key, command.id)
        try:
            decide = self.shard.preview if command.dry_run else self.shard.decide
            decision = ticket.decision = decide(command, now)
        except Refusal as refusal:
            ticket.decision = refusal
            if refusal.retryable:
                _break(ticket)
        else:
            if isinstance(decision, Replay):
                ticket.original = self._by_id.get(key) if isinstance(decision.of, Decided) else None
            elif isinstance(decision, Decided):
                self._by_id[key] = ticket
                ticket.appended = True
                append = self._append(decision)
                derived = {aggregate.id: derived_of(aggregate) for aggregate in decision.touched}
        self.unsettled[ticket] = None
        if command.from_client:
            self._on_way[command.tenant] += 1
        else:
            self.own.add(ticket)
        if self._spans is not None:
            ticket.span = self._spans.decided(command, self.name, begun_ns, ticket.span)
        self._submit(Entry(self.name, self.epoch, ticket, append, derived, now))

    def _append(self, decided: Decided) -> Append:
        command = decided.command
        return Append(
            partition=self.name,
            key=command.key,
            tenant=command.tenant,
            command_id=command.id,
            events=tuple(
                Event(event.originator_id, event.originator_version, event.TOPIC, value)
                for event, value in zip(decided.events, decided.values, strict=True)
            ),
            fingerprint=command.fingerprint,
            storefront=decided.storefront,
            actor=command.actor,
            reason=command.reason,
            catalog_sequence=decided.catalog_sequence,
            traceparent=command.traceparent,
            data_keys=decided.data_keys,
        )

    def settle(self, ticket: Ticket, committed: Committed) -> Decided | None:
        """Its window has committed: answer. Gives the decision where it appended."""
        self.drop(ticket)
        self.sequence = max(self.sequence, committed.sequence)
        ticket.committed = committed
        decision = ticket.decision
        if isinstance(decision, Decided):
            self._recorded_at = ticket.decided_at
            self._by_id.pop((ticket.command.key, ticket.command.id), None)
            self.shard.settle(decision)
        if ticket.span is not None:
            end_committed(ticket.span, committed, decision if isinstance(decision, Refusal) else None)
            ticket.span = None
        if not ticket.future.done():
            if isinstance(decision, Refusal):
                fail(ticket, decision)
            else:
                assert decision is not None
                answer = self._shown(ticket, decision)
                self._counts.answered(ticket.command.name, answer)
                ticket.future.set_result(answer)
        return decision if isinstance(decision, Decided) else None

    def drop(self, ticket: Ticket) -> None:
        """It waits for its window no more."""
        if ticket not in self.unsettled:
            return
        del self.unsettled[ticket]
        if not ticket.command.from_client:
            self.own.discard(ticket)
        elif self._on_way[ticket.command.tenant] > 1:
            self._on_way[ticket.command.tenant] -= 1
        else:
            del self._on_way[ticket.command.tenant]

    def _shown(self, ticket: Ticket, decision: Decided | Replay | Preview) -> Answer | Preview:
        quota = self.waiting.quota(ticket.command.tenant) if self.waiting else None
        if isinstance(decision, Preview):
            return replace(decision, position=f"{self.name}@{self.sequence}", quota=quota)
        answer = self._answer(ticket, decision, quota)
        if ticket.command.dry_run:
            return Preview(answer.target, position=answer.position, replayed=True, quota=quota)
        return answer

    def _answer(self, ticket: Ticket, decision: Decided | Replay, quota: Quota | None) -> Answer:
        replayed = not ticket.appended
        if isinstance(decision, Replay) and isinstance(decision.of, Remembered):
            seen = decision.of
            target = self.streams.load(seen.stream, seen.version)
            assert target is not None
            return Answer(target, target.id, target.version, f"{self.name}@{seen.sequence}", seen.event_hash, replayed, quota)
        decided = decision if isinstance(decision, Decided) else decision.of
        at = ticket.original.committed if ticket.original else ticket.committed
        assert isinstance(decided, Decided)
        assert at is not None
        target = decided.target
        return Answer(target, target.id, target.version, f"{self.name}@{at.sequence}", at.hash, replayed, quota)

    def decide_again(self, epoch: int, loop_time: float, reason: str) -> None:
        """Nothing unsettled was written: forget it and decide all of it again, in order; who waited too long is told."""
        self.epoch = epoch
        self._decided_at = self._recorded_at  # the clock may have been wrong
        self.shard.reset()
        self._by_id.clear()
        tickets = list(self.unsettled)
        self.unsettled.clear()
        self.own.clear()
        self._on_way.clear()
        for ticket in tickets:
            if ticket.deadline and ticket.deadline < loop_time:
                fail(ticket, Unavailable("log_unavailable", f"The log cannot be written: {reason}"))
            else:
                self._anew(ticket)

    def take_up(self, ticket: Ticket) -> None:
        """Decide what was on its way when the outcome of a commit was unknown, which is known by now: it may have been done."""
        if ticket.command.from_client:
            self.place(ticket)
        else:
            self._anew(ticket)

    def _anew(self, ticket: Ticket) -> None:
        if ticket.command.actor != TIMER:
            self._begin(ticket)
        elif self.shard.on_clock(ticket.command.key):
            self.admit(ticket)
        else:  # what is due by now fires again: by another clock it may be less, and by a later time one may do for several
            fail(ticket, Unavailable("log_unavailable", "It fires again."))


def fail(ticket: Ticket, error: Refusal | Unavailable) -> None:
    """Answer with an error."""
    if isinstance(error, Unavailable):
        _break(ticket)
    if ticket.span is not None:
        end_failed(ticket.span, error.code)
        ticket.span = None
    if not ticket.future.done():
        ticket.counts.failed(ticket.command.name, error)
        ticket.future.set_exception(error)


def _break(ticket: Ticket) -> None:
    """It is to be sent again: what is behind it must not overtake it."""
    if ticket.succession is not None:
        ticket.succession.broken = True


def _retrieved(future: asyncio.Future[Answer | Preview]) -> None:
    """A timer's future has nobody who waits; its error is not lost, it is told where it arises."""
    if not future.cancelled():
        future.exception()
