"""The write side in memory: shards whose decisions settle at once, a catalog, a provider under the test's hand, a clock it moves.

What is decided is kept as stored JSON and folded back at every load, as the logs do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from commands.agenda import CHECK
from commands.catalog.view import CatalogView
from commands.command import Command
from commands.payment.settle import outcome_command
from commands.ports import Captured, ChargeOutcome, Declined, Past, Preview, Remembered, Unknown
from commands.shard import Decided, Replay, Shard, open_parent
from commands.subscription.transfer import answer_command, handover, takeover_command
from commands.timers import timer_command
from commands.unit import Unit
from domain.catalog.aggregates import Clock
from domain.customer.aggregate import Customer
from domain.errors import Refusal
from domain.event import Aggregate, Event
from domain.ids import customer_id, keyed_hash
from domain.invoice.aggregate import Invoice
from domain.invoice.events import InvoiceDrafted, InvoiceIssued, InvoiceLinesAdded
from domain.payment.aggregate import Payment
from domain.registry import decode, encode
from domain.subscription.aggregate import Subscription

SECRET = b"secret"
TENANT = "acme"
A = TypeVar("A", bound=Aggregate)
Provider = Callable[[Payment], ChargeOutcome | None]


def at(text: str) -> datetime:
    """An instant in UTC: ``2026-01-31`` or ``2026-01-31T10:30``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def captures(payment: Payment) -> ChargeOutcome:
    assert payment.attempt is not None
    return Captured(f"ref-{payment.attempt.key}", payment.attempt.amount.amount)


def declines(_: Payment) -> ChargeOutcome:
    return Declined("insufficient_funds")


def unknown(_: Payment) -> ChargeOutcome:
    return Unknown()


def silent(_: Payment) -> None:
    """No outcome yet: the attempt stays in progress."""


class PlainVault:
    """Seals nothing: for tests that look elsewhere. The key's name is its content."""

    def new_key(self) -> bytes:
        return b"key"

    def wrapped_key(self, key: str) -> bytes | None:
        return None if key == "" else b"key"

    def remember(self, key: str, wrapped: bytes) -> None:
        assert key
        assert wrapped

    def seal(self, wrapped: bytes, stream: str, field: str, clear: Mapping[str, str]) -> str:
        assert all((wrapped, stream, field))
        return "&".join(f"{name}={value}" for name, value in clear.items())

    def unseal(self, wrapped: bytes | None, stream: str, field: str, sealed: str) -> dict[str, str] | None:
        assert all((stream, field))
        return None if wrapped is None else dict(part.split("=", 1) for part in sealed.split("&") if part)


class MemoryStreams:
    """`commands.ports.Streams` over lists; ``_newest`` holds each stream's aggregate, folded from what is stored."""

    def __init__(self) -> None:
        self.sequence = 0
        self._stored: dict[str, list[Event]] = {}
        self._newest: dict[str, Aggregate] = {}
        self._commands: dict[tuple[str, str], Remembered] = {}
        self._keys: dict[str, str] = {}

    def append(self, decided: Decided) -> None:
        for event in decided.events:
            self.sequence += 1
            id = event.originator_id
            stream = self._stored.setdefault(id, [])
            assert event.originator_version == len(stream) + 1, "a version is written once"
            stream.append(decode(id, event.originator_version, event.TOPIC, encode(event)))
            self._newest[id] = _applied(stream[-1], self._newest.get(id))
            self._keys[id] = decided.command.key
        key = (decided.command.key, decided.command.id)
        assert key not in self._commands, "a command is done once"
        hash = f"{self.sequence:064x}"
        self._commands[key] = Remembered(
            decided.command.fingerprint, decided.target.id, decided.target.version, self.sequence, hash
        )

    def load(self, stream: str, version: int | None = None) -> Aggregate | None:
        if version is None:
            return self._newest.get(stream)
        aggregate: Aggregate | None = None
        for event in self._stored.get(stream, [])[:version]:
            aggregate = _applied(event, aggregate)
        return aggregate

    def remembered(self, key: str, command_id: str) -> Remembered | None:
        return self._commands.get((key, command_id))

    def past(self, key: str) -> Past:
        aggregates = self.all(Aggregate, key)
        parents = {aggregate.id: open_parent(aggregate) for aggregate in aggregates}
        return Past(
            commands=[id for scope, id in self._commands if scope == key],
            open={stream: parent for stream, parent in parents.items() if parent is not None},
            timers={aggregate.id: aggregate.timers() for aggregate in aggregates if aggregate.timers()},
            invoices=sum(isinstance(aggregate, Invoice) for aggregate in aggregates),
        )

    def all(self, cls: type[A], key: str = "") -> list[A]:
        """Every aggregate of a class, oldest first."""
        loaded = [self.load(stream) for stream, owner in self._keys.items() if key in ("", owner)]
        return [aggregate for aggregate in loaded if isinstance(aggregate, cls)]


def _applied(event: Event, aggregate: Aggregate | None) -> Aggregate:
    """The event folded in, onto a copy: whoever loaded the aggregate before keeps what it was."""
    found = event.mutate(copy(aggregate))
    assert found is not None
    return found


def check_formulas(events: Sequence[Event]) -> None:
    """Every amount that was priced follows from the numbers that stand beside it."""
    for event in events:
        if isinstance(event, InvoiceIssued | InvoiceDrafted | InvoiceLinesAdded):
            assert all(line.formula is None or line.formula.amount() == line.amount for line in event.lines), event
            assert all(line.formula is not None or not line.subscription for line in event.lines)


class World:
    """``provider`` says what comes of an attempt as soon as it is committed; ``said`` holds all events of the ledger,
    ``causes`` the command of each. ``hands_over``: what is to be transferred is so as soon as that is committed.
    """

    def __init__(self, now: datetime | None = None, provider: Provider = captures) -> None:
        self.now = now or at("2026-01-01")
        self.provider = provider
        self.hands_over = True
        self.catalog = CatalogView(frozenset({"simulator"}))
        self.streams = MemoryStreams()
        self.items = MemoryStreams()
        self.vault = PlainVault()
        self.said: list[Event] = []
        self.causes: list[Command] = []
        self._commands = 0
        self.shard = Shard(self.streams, self.catalog, self.vault, SECRET)
        self._catalog_shard = Shard(self.items, self.catalog, self.vault, SECRET)

    # Doing

    def do(self, command: Command) -> Decided | Replay:
        """Decide and settle; then the outcome of what was attempted, if the provider gives one. Raises the Refusal."""
        if not command.customer:
            return self._do_in_catalog(command)
        (done,) = self.window([command])
        if isinstance(done, Refusal):
            raise done
        return done

    def _do_in_catalog(self, command: Command) -> Decided | Replay:
        decided = self._catalog_shard.decide(command, self.now)
        if isinstance(decided, Decided):
            first = self.items.sequence + 1
            self.items.append(decided)
            self._catalog_shard.settle(decided)
            for number, event in enumerate(decided.events, first):
                self.catalog.apply(event, number)
        return decided

    def window(self, commands: Sequence[Command], failures: int = 0) -> list[Decided | Replay | Refusal]:
        """Decide each on what those before it left, then commit all as one window. It fails so many times before: each time all
        is decided again, and is the same.
        """
        done, decided = self._decide_all(commands)
        for _ in range(failures):
            before = [each.values for each in decided]
            self.shard.reset()
            done, decided = self._decide_all(commands)
            assert [each.values for each in decided] == before
        for each in decided:
            check_formulas(each.events)
            self.streams.append(each)
            self.shard.settle(each)
            self.said.extend(each.events)
            self.causes.extend([each.command] * len(each.events))
        payments = [aggregate.id for each in decided for aggregate in each.touched if isinstance(aggregate, Payment)]
        for payment in (self.get(Payment, id) for id in dict.fromkeys(payments)):
            if payment.state == "pending":
                self._ask_provider(payment)
        subscriptions = [aggregate for each in decided for aggregate in each.touched if isinstance(aggregate, Subscription)]
        for subscription in subscriptions:
            if self.hands_over and subscription.transferring:
                self.hand_over(subscription)
        return done

    def hand_over(self, subscription: Subscription) -> None:
        """Ask the other customer, and note the answer."""
        self.do(answer_command(subscription, self.ask(subscription)))

    def ask(self, subscription: Subscription) -> str | None:
        """The other customer is asked; gives the code of the refusal."""
        clock = self.shard.clock_of(f"{TENANT}/{subscription.customer}")
        try:
            self.do(takeover_command(handover(subscription, clock)))
        except Refusal as refusal:
            return refusal.code
        return None

    def _decide_all(self, commands: Sequence[Command]) -> tuple[list[Decided | Replay | Refusal], list[Decided]]:
        """What comes of each command; and all that is to be committed, the timers that are due before it, too."""
        done: list[Decided | Replay | Refusal] = []
        decided: list[Decided] = []
        for command in commands:
            if not command.id.startswith("timer:"):
                decided.extend(self._fire_due(command))
            try:
                done.append(self._decide(command))
            except Refusal as refusal:
                done.append(refusal)
            decided.extend(each for each in done[-1:] if isinstance(each, Decided))
        return done, decided

    def _decide(self, command: Command) -> Decided | Replay:
        """Decide, and see that a preview just before says the same, and changes nothing of it."""
        foreseen: Preview | Replay | Refusal
        try:
            foreseen = self.shard.preview(command, self.now)
        except Refusal as refusal:
            foreseen = refusal
        done = self.shard.decide(command, self.now)
        if isinstance(done, Decided):
            assert isinstance(foreseen, Preview)
            assert tuple(value for _, value in foreseen.events) == done.values
        return done

    def _fire_due(self, command: Command) -> Iterator[Decided]:
        """What is due before a command; an outcome is as old as its attempt, so it comes before what is due at its instant."""
        by = self.now if command.from_client else self.now - timedelta.resolution
        while (timer := self.shard.next_due(command.key, by)) is not None:
            fired = self.shard.decide(
                timer_command(command.tenant, command.customer, timer.stream, timer.kind, timer.due), self.now
            )
            assert isinstance(fired, Decided)
            yield fired

    def _ask_provider(self, payment: Payment) -> None:
        outcome = self.provider(payment)
        if outcome is not None:
            assert payment.attempt is not None
            self.outcome(payment, outcome, payment.attempt.timestamp)

    def outcome(self, payment: Payment, outcome: ChargeOutcome, when: datetime | None = None) -> list[str]:
        """The provider's answer has come."""
        before = len(self.said)
        self.do(outcome_command(self.get(Payment, payment.id), outcome, when or self.now))
        return self.topics(before)

    def client(self, handler: Callable[[Unit], Aggregate], customer: str = "", key: str = "", **command: Any) -> Aggregate:
        """A client's command; gives its target, or the stored one where it is a replay."""
        done = self.do(self.command(handler, customer, key, **command))
        if isinstance(done, Decided):
            return done.target
        assert isinstance(done.of, Remembered)
        found = self.streams.load(done.of.stream, done.of.version)
        assert found is not None
        return found

    def command(self, handler: Callable[[Unit], Aggregate], customer: str = "", key: str = "", **more: Any) -> Command:
        """A client's command, with a key of its own where none is given."""
        self._commands += 1
        return Command(TENANT, customer, f"client:{keyed_hash(SECRET, TENANT, key or f'k{self._commands}')}", handler, **more)

    def until(self, instant: datetime) -> list[str]:
        """Let the wall clock run to an instant, with every timer at its time; gives the events' names."""
        before = len(self.said)
        while (found := self._next_timer(instant)) is not None:
            key, due = found
            self.now = max(self.now, due)
            self._fire(key)
        self.now = max(self.now, instant)
        return self.topics(before)

    def _next_timer(self, instant: datetime) -> tuple[str, datetime] | None:
        due = []
        for customer in self.streams.all(Customer):
            key = f"{TENANT}/{customer.id}"
            timer = self.shard.timer(key)
            if customer.clock is None and timer is not None and timer.due <= instant:
                due.append((timer.due, key))
        first = min(due, default=None)
        return (first[1], first[0]) if first else None

    def _fire(self, key: str) -> None:
        timer = self.shard.timer(key)
        assert timer is not None
        tenant, _, customer = key.partition("/")
        if timer.kind == CHECK:
            self.check(self.get(Payment, timer.stream), timer.due)
        else:
            self.do(timer_command(tenant, customer, timer.stream, timer.kind, timer.due, self.shard.clock_time(key, timer)))

    def check(self, payment: Payment, due: datetime) -> None:
        """The same attempt is sent again; past the key's life nothing is sent."""
        assert payment.attempt is not None
        on_clock = self.shard.on_clock(f"{TENANT}/{payment.customer}")
        expired = (due if on_clock else self.now) >= payment.attempt.key_expires_at
        self.outcome(payment, Unknown() if expired else self.provider(payment) or Unknown(), due)

    def advance(self, clock: Clock) -> None:
        """Everything due before the clock's time, customer by customer."""
        for customer in self.streams.all(Customer):
            if customer.clock == clock.clock:
                key = f"{TENANT}/{customer.id}"
                while (timer := self.shard.timer(key)) is not None and timer.due < clock.now:
                    self._fire(key)

    # Looking

    def get(self, cls: type[A], stream: str) -> A:
        found = self.streams.load(stream)
        assert isinstance(found, cls)
        return found

    def subscription(self) -> Subscription:
        """The only one."""
        (found,) = self.streams.all(Subscription)
        return found

    def invoices(self) -> list[Invoice]:
        return self.streams.all(Invoice)

    def payments(self) -> list[Payment]:
        return self.streams.all(Payment)

    def topics(self, since: int = 0) -> list[str]:
        """The names, without versions, of all events from the ``since``-th on."""
        return [event.TOPIC.rpartition(".")[0] for event in self.said[since:]]


def customer_of(storefront: str, external_id: str) -> str:
    """The id that a customer with this external id has."""
    return customer_id(SECRET, TENANT, storefront, external_id, "")
