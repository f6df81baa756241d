"""The single writer of one partition: takes a command and gives events, a replay or a refusal.

A plain object: no thread, no socket, no clock. It goes on deciding on what it decided before that is committed (``decide``),
learns of the commit (``settle``), or throws away all that was not committed (``reset``).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from commands.agenda import Timer
from commands.catalog.view import CatalogView
from commands.command import Command
from commands.ports import Preview, Remembered, Streams, Vault
from commands.unit import Account, Unit, billed
from domain.customer.aggregate import Customer
from domain.errors import NotFound, Refusal, RuleViolated
from domain.event import Aggregate, Event
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.registry import encode

ACCOUNTS_MAX = 20_000
# Well below what a log takes in one record (a megabyte), whatever its headers hold.
EVENT_BYTES_MAX = 500_000


class KeyReused(RuleViolated):
    """The same idempotency key came with another request."""

    def __init__(self) -> None:
        super().__init__("idempotency_key_reused", "This Idempotency-Key was used for another request.")


class StaleVersion(Refusal):
    """If-Match names another version than the present one."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__("version_mismatch", f"The resource is at version {current}.")


class ClockAdvancing(Refusal):
    """The customer's test clock has moved on and what fell due is still being done: try again."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("test_clock_advancing", "The customer's test clock is advancing; try again.")


@dataclass(frozen=True, slots=True)
class Decided:
    """A command that gave events, with their stored JSON in ``values``: ``target`` is the aggregate to answer with, ``touched``
    all that changed.
    """

    command: Command
    events: tuple[Event, ...]
    values: tuple[bytes, ...]
    target: Aggregate
    touched: tuple[Aggregate, ...]
    storefront: str
    catalog_sequence: int
    data_keys: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Replay:
    """Done before: by a decision that still waits for its commit, or by what the log remembers."""

    of: Decided | Remembered


class Shard:
    """``key`` everywhere is a command's key: ``tenant/customer``, or the tenant in the catalog."""

    def __init__(self, streams: Streams, catalog: CatalogView, vault: Vault, secret: bytes) -> None:
        self._streams = streams
        self._catalog = catalog
        self._vault = vault
        self._secret = secret
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._pending: dict[tuple[str, str], Decided] = {}
        self._homes: dict[str, str] = {}

    def home(self, stream: str) -> str | None:
        """The key that a stream belongs to, or None where there is no such stream."""
        if stream in self._homes:
            return self._homes[stream]
        found = self._streams.load(stream)
        if found is None:
            return None
        customer = found.id if isinstance(found, Customer) else str(getattr(found, "customer", ""))
        return f"{getattr(found, 'tenant', '')}/{customer}"

    def decide(self, command: Command, now: datetime) -> Decided | Replay:
        """Decide at ``now``, or at the time of the customer's test clock; raises a Refusal, and then nothing has changed."""
        account = self._account(command.key)
        found = self._replay(command, account) or self._decided(command, account, now)
        if isinstance(found, Decided):
            self._keep(found, account)
        return found

    def preview(self, command: Command, now: datetime) -> Preview | Replay:
        """What `decide` would come to; nothing of it is kept."""
        account = self._account(command.key)
        found = self._replay(command, account) or self._decided(command, account, now)
        if isinstance(found, Replay):
            return found
        return Preview(found.target, found.touched, tuple(zip(found.events, found.values, strict=True)), found.data_keys)

    def _replay(self, command: Command, account: Account) -> Replay | None:
        """Whether it was decided before; raises KeyReused where that was another request."""
        if hash(command.id) not in account.commands:
            return None
        seen = self._pending.get((command.key, command.id)) or self._streams.remembered(command.key, command.id)
        if seen is None:
            return None
        fingerprint = seen.command.fingerprint if isinstance(seen, Decided) else seen.fingerprint
        if fingerprint != command.fingerprint:
            raise KeyReused
        return Replay(seen)

    def _decided(self, command: Command, account: Account, now: datetime) -> Decided:
        unit = Unit(command, self._now(command, account, now), account, self._streams, self._catalog, self._vault, self._secret)
        if command.if_match is not None:
            self._check_version(unit, *command.if_match)
        target = command.handler(unit)
        changed = {event.originator_id for event in unit.events}
        decided = Decided(
            command=command,
            events=unit.events,
            values=tuple(encode(event) for event in unit.events),
            target=target,
            touched=tuple(aggregate for stream, aggregate in unit.touched.items() if stream in changed),
            storefront=unit.storefront,
            catalog_sequence=self._catalog.sequence,
            data_keys=unit.data_keys,
        )
        assert decided.events, "a command that changes nothing is refused"
        assert decided.events[0].originator_id == target.id, "the first event is the answer's"
        if max(map(len, decided.values)) > EVENT_BYTES_MAX:
            raise RuleViolated("too_large", "What would be written is too large for one event.")
        return decided

    def _account(self, key: str) -> Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(self._streams.past(key))
            self._evict()
        else:
            self._accounts.move_to_end(key)
        return account

    def _evict(self) -> None:
        for key in list(islice(self._accounts, max(0, len(self._accounts) - ACCOUNTS_MAX))):
            if not self._accounts[key].unsettled:
                del self._accounts[key]

    def _now(self, command: Command, account: Account, now: datetime) -> datetime:
        """The business time: a customer on a test clock lives at its time; a client must wait until what was due before it is
        done.
        """
        clock = self._clock_time(command.customer, account)
        if command.at is not None and clock is not None:
            return command.at
        if clock is None:
            return now
        if command.from_client and _overdue(account, clock):
            raise ClockAdvancing
        return clock

    def _clock_time(self, id: str, account: Account) -> datetime | None:
        customer = self._customer(account, id) if id else None
        return self._catalog.clock(customer.tenant, customer.clock).now if customer is not None and customer.clock else None

    def _customer(self, account: Account, id: str) -> Customer | None:
        customer = account.aggregates.get(id) or self._streams.load(id)
        if not isinstance(customer, Customer):
            return None
        account.aggregates[id] = customer
        return customer

    def _check_version(self, unit: Unit, stream: str, versions: frozenset[int]) -> None:
        found = unit.find(Aggregate, stream)
        if found is None:
            raise NotFound("resource", stream)
        if found.version not in versions:
            raise StaleVersion(found.version)

    def _keep(self, decided: Decided, account: Account) -> None:
        """Make what was decided the state that the next decision sees."""
        key = decided.command.key
        account.unsettled += 1
        account.commands.add(hash(decided.command.id))
        account.data_key = decided.data_keys.get(key, account.data_key)
        for aggregate in decided.touched:
            aggregate.leave_journal()
            account.aggregates[aggregate.id] = aggregate
            self._homes[aggregate.id] = key
            account.agenda.set(aggregate.id, aggregate.timers())
            if isinstance(aggregate, Invoice):
                account.invoices = max(account.invoices, aggregate.ordinal)
            account.set_open(aggregate.id, open_parent(aggregate))
        self._pending[key, decided.command.id] = decided

    def settle(self, decided: Decided) -> None:
        """It is committed, and the index has it."""
        key = decided.command.key
        del self._pending[key, decided.command.id]
        account = self._accounts[key]
        account.unsettled -= 1
        for aggregate in decided.touched:
            if not account.unsettled:
                self._homes.pop(aggregate.id, None)
                if isinstance(aggregate, Invoice | Payment) and aggregate.id not in account.open:
                    account.aggregates.pop(aggregate.id, None)

    def reset(self) -> None:
        """Forget all that is not committed."""
        self._pending.clear()
        self._homes.clear()
        self._accounts = OrderedDict((key, account) for key, account in self._accounts.items() if not account.unsettled)

    def next_due(self, key: str, now: datetime) -> Timer | None:
        """The customer's first timer that is due and fires by a command, or None; a customer on a test clock has none here."""
        account = self._account(key)
        due = account.agenda.first_command()
        if due is None or due.due > now:
            return None
        return None if self.on_clock(key) else due

    def overdue(self, key: str) -> bool:
        """Whether something is due before the time of the test clock that the customer lives on: its advance is not through, or a
        start in the past left it.
        """
        account = self._account(key)
        clock = self._clock_time(key.partition("/")[2], account)
        return clock is not None and _overdue(account, clock)

    def clock_time(self, key: str, timer: Timer) -> datetime:
        """The business time at which a timer fires on a test clock: when it is due, but not before what made it so."""
        stream = self.current(key, timer.stream)
        assert stream is not None
        return max(timer.due, stream.modified_on)

    def on_clock(self, key: str) -> bool:
        """Whether the customer lives on a test clock."""
        return self.clock_of(key) is not None

    def clock_of(self, key: str) -> str | None:
        """The test clock that the customer lives on, if any."""
        customer = self._customer(self._account(key), key.partition("/")[2])
        return None if customer is None else customer.clock

    def timer(self, key: str) -> Timer | None:
        """The customer's next timer, due or not."""
        return self._account(key).agenda.first()

    def current(self, key: str, stream: str) -> Aggregate | None:
        """The aggregate as of the newest decision."""
        return self._account(key).aggregates.get(stream) or self._streams.load(stream)


def _overdue(account: Account, clock: datetime) -> bool:
    timer = account.agenda.first()
    return timer is not None and timer.due < clock


def open_parent(aggregate: Aggregate) -> str | None:
    """The parent of an open invoice or payment; None for all else."""
    if isinstance(aggregate, Invoice):
        return None if aggregate.closed else billed(aggregate)
    if isinstance(aggregate, Payment):
        return aggregate.invoice if aggregate.open else None
    return None
