"""What the write side needs of the world."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from commands.catalog.view import CatalogView
from commands.command import Command
from domain.catalog.aggregates import Clock
from domain.event import Aggregate, Event
from domain.money import Money
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Handover

Timers = tuple[tuple[str, datetime], ...]
Settled = TypeVar("Settled", Payment, Subscription)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A command that appended: its fingerprint, the stream it answered with, that stream's version then, and where it ended."""

    fingerprint: str
    stream: str
    version: int
    sequence: int
    event_hash: str


@dataclass(frozen=True, slots=True)
class Past:
    """A customer (in the catalog a tenant) as the index has it: the ids of its commands; its open invoices and payments, each
    with its parent (its subscription, its invoice); its timers by stream; how many invoices it has.
    """

    commands: Sequence[str] = ()
    open: Mapping[str, str] = field(default_factory=dict)
    timers: Mapping[str, Timers] = field(default_factory=dict)
    invoices: int = 0


class Streams(Protocol):
    """The committed past of one partition. ``key`` is ``tenant/customer``, or the tenant in the catalog."""

    def load(self, stream: str, version: int | None = None) -> Aggregate | None:
        """The aggregate (as of a version), or None."""
        ...

    def remembered(self, key: str, command_id: str) -> Remembered | None: ...

    def past(self, key: str) -> Past:
        """What a customer comes with."""
        ...


class Vault(Protocol):
    """Seals personal data under a data key of its own for each customer."""

    def new_key(self) -> bytes:
        """A fresh data key, wrapped by the master key."""
        ...

    def wrapped_key(self, key: str) -> bytes | None:
        """The wrapped data key of ``tenant/customer``, under which something was sealed; None: it was destroyed. Raises
        Unavailable.
        """
        ...

    def remember(self, key: str, wrapped: bytes) -> None:
        """A data key was committed: it can be found from now on, however far the log's keys have been read."""
        ...

    def seal(self, wrapped: bytes, stream: str, field: str, clear: Mapping[str, str]) -> str:
        """Sealed text, bound to the stream and the field."""
        ...

    def unseal(self, wrapped: bytes | None, stream: str, field: str, sealed: str) -> dict[str, str] | None:
        """The clear values, or None where the key is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Captured:
    """The provider has the money."""

    reference: str
    amount: int


@dataclass(frozen=True, slots=True)
class Declined:
    """Finally refused, with the provider's code. ``hard``: this instrument will never pay, whenever it is asked."""

    code: str
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """No final outcome is known."""


ChargeOutcome = Captured | Declined | Unknown


class Gateway(Protocol):
    """A payment provider."""

    async def charge(self, *, key: str, token: str, account: str, amount: Money) -> ChargeOutcome:
        """Charge once for each idempotency key: the same key again gives the first call's final outcome.

        ``account`` is the customer's id, for the provider's own book. Never raises for a provider's failure: that is Unknown.
        """
        ...


class Unavailable(Exception):
    """Not now, and nothing is known to have been done: send the same request again after ``retry_after_s``.

    ``code``: ``overloaded`` and ``quota_exceeded`` (see `QueueFull`), ``partition_not_served``, ``outcome_unknown`` (it may have
    been done: the same key will tell), ``catalog_behind``, ``shutting_down``, ``log_unavailable``, ``earlier_unavailable`` (one
    before it in its succession could not be done).
    """

    def __init__(self, code: str, detail: str, retry_after_s: int = 1) -> None:
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        super().__init__(f"{code}: {detail}")


class OutcomeUnknown(Unavailable):
    """It may be in the log, or come to be: the same key will tell."""

    def __init__(self, detail: str = "It may have been done: send it again with the same key.") -> None:
        super().__init__("outcome_unknown", detail)


class NotServed(Unavailable):
    """The partition is not this node's, or not any more: its owner may do it. ``code``: ``partition_not_served``, or
    ``shutting_down``.
    """

    def __init__(self, partition: str, detail: str, code: str = "partition_not_served") -> None:
        self.partition = partition
        super().__init__(code, detail)


@dataclass(frozen=True, slots=True)
class Quota:
    """A tenant's share of a partition's queue: at most ``limit`` of its commands may wait there, and ``left`` more now. ``full``:
    there is no place for anybody.
    """

    partition: str
    limit: int
    left: int
    full: bool = False


class QueueFull(Unavailable):
    """No place to wait: for nobody (``overloaded``), or for no more of this tenant's (``quota_exceeded``)."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        if quota.full:
            super().__init__("overloaded", "Too many commands are waiting.")
        else:
            super().__init__("quota_exceeded", "Too many commands of this tenant are waiting.")


@dataclass(frozen=True, slots=True)
class Answer:
    """A committed command: the aggregate as of its own events, and where they stand. ``position`` is ``7@48122`` or
    ``catalog@9``. ``quota`` is the tenant's, where commands wait for their turn.
    """

    target: Aggregate
    stream: str
    version: int
    position: str
    event_hash: str
    replayed: bool
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a command would do: ``target`` is the aggregate that it would answer with, ``touched`` all that it would change;
    ``events`` come with the JSON that would be stored; ``data_keys`` are made for it, and open what is sealed in them.
    ``position`` is what it rests on. ``replayed``: it was done before, and would do nothing. ``quota`` as in an answer.
    """

    target: Aggregate
    touched: tuple[Aggregate, ...] = ()
    events: tuple[tuple[Event, bytes], ...] = ()
    data_keys: Mapping[str, bytes] = field(default_factory=dict)
    position: str = ""
    replayed: bool = False
    quota: Quota | None = None


@dataclass(slots=True, eq=False)
class Succession:
    """Commands that must be done in the order in which they are submitted, without each waiting for the commit of the one before.

    ``broken``: one of them could not be done now, so none of those behind it is; they fail with ``earlier_unavailable``.
    """

    broken: bool = False


class Ledger(Protocol):
    """The write side as the API sees it. Every method may raise Unavailable, at once or where it is awaited."""

    @property
    def catalog(self) -> CatalogView: ...

    def submit(self, command: Command, succession: Succession | None = None) -> Awaitable[Answer]:
        """Do it, once for each command id; raises a Refusal. Once this is called the command has its place, behind those before
        it, and goes on whatever becomes of the caller.
        """
        ...

    def preview(self, command: Command) -> Awaitable[Preview]:
        """What it would do if it were submitted now; nothing is kept. Raises the Refusal that it would meet. Waits for its turn
        as the command would, and until what it rests on has committed.
        """
        ...

    @property
    def decides_once(self) -> bool:
        """Whether a refusal stands as soon as it is made: while another node owns the catalog it may rest on one that is not read
        to its end, and is then decided once more, behind what was submitted meanwhile.
        """
        ...

    def customer_of(self, tenant: str, id: str) -> str:
        """The customer that a subscription, invoice or payment of this tenant belongs to.

        Raises NotFound where this node knows none: true only if the partition is its own still.
        """
        ...

    async def settled(self, aggregate: Settled, timeout_s: float) -> tuple[Settled, str]:
        """The payment once its running attempt has an outcome, the subscription once the customer to whom it is to go has
        answered, or as it is after ``timeout_s``, and a position that shows it.
        """
        ...

    async def take_over(self, handover: Handover) -> str | None:
        """Let a subscription go on for a customer of this node; gives the code of the refusal, if that is refused."""
        ...

    async def advance(self, clock: Clock) -> list[str]:
        """Do everything due before the clock's time for the customers who live on it; gives the position of every partition."""
        ...

    async def advance_partition(self, partition: str, tenant: str, clock: str, catalog_sequence: int) -> int:
        """The same in one partition of this node, once the catalog is read that far; gives the partition's last sequence."""
        ...

    async def catalog_reaches(self, sequence: int, timeout_s: float) -> bool:
        """Wait until the catalog has been read to a position."""
        ...

    async def read_catalog(self) -> None:
        """Wait until all that the catalog holds by now is known here."""
        ...

    @property
    def partitions(self) -> Sequence[str]:
        """All of the log, the catalog's first."""
        ...

    def report(self) -> dict[str, Any]:
        """How this node is, as JSON (`commands.api_cluster.NodeReport`)."""
        ...

    async def nodes(self) -> list[dict[str, Any]]:
        """How each node is."""
        ...

    def unready(self) -> list[str]:
        """Why this node cannot take commands, a line each; empty: it can."""
        ...
