"""What one command works on: the aggregates it loads and changes, with their events in the order in which they were decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime
from typing import TypeVar, cast

from eventsourcing.domain import CanMutateAggregate

from commands.agenda import Agenda
from commands.catalog.view import CatalogView
from commands.command import Command
from commands.ports import Past, Streams, Vault
from domain.customer.aggregate import Customer
from domain.errors import NotFound, WrongState
from domain.event import Aggregate, Event
from domain.ids import INVOICE, IdSequence
from domain.invoice.aggregate import Invoice
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription

Loaded = TypeVar("Loaded", bound=Aggregate)


class Account:
    """A customer (in the catalog a tenant) as the shard holds it: what is loaded, and what of it is not in the index yet.

    ``commands`` holds the hashes of the ids of all its commands: most that come are new, and are known to be so without a look at
    the index. ``open`` maps the open invoices and payments to their parents, ``open_of`` the parents to those; ``unsettled``
    counts the decisions that wait for their commit.
    """

    __slots__ = ("agenda", "aggregates", "commands", "data_key", "invoices", "open", "open_of", "unsettled")

    def __init__(self, past: Past) -> None:
        self.commands = {hash(id) for id in past.commands}
        self.agenda = Agenda(past.timers)
        self.open: dict[str, str] = {}
        self.open_of: dict[str, dict[str, None]] = {}
        for stream, parent in past.open.items():
            self.set_open(stream, parent)
        self.invoices = past.invoices
        self.aggregates: dict[str, Aggregate] = {}
        self.data_key: bytes | None = None
        self.unsettled = 0

    def set_open(self, stream: str, parent: str | None) -> None:
        """From now on an invoice or payment is open under this parent; None: it is not open."""
        before = self.open.pop(stream, None)
        if before is not None and before != parent:
            self.open_of[before].pop(stream)
            if not self.open_of[before]:
                del self.open_of[before]
        if parent is not None:
            self.open[stream] = parent
            self.open_of.setdefault(parent, {})[stream] = None


class Unit:
    """One command's view of its customer (or of one tenant's catalog). Changes copies: nothing is seen by others until it is
    kept.
    """

    def __init__(
        self,
        command: Command,
        now: datetime,
        account: Account,
        streams: Streams,
        catalog: CatalogView,
        vault: Vault,
        secret: bytes,
    ) -> None:
        self.now = now
        self.tenant = command.tenant
        self.customer_id = command.customer
        self.command_id = command.id
        self.may_backdate = command.may_backdate
        self.catalog = catalog
        self.touched: dict[str, Aggregate] = {}
        self.data_keys: dict[str, bytes] = {}
        self.storefront = ""
        self._key = command.key
        self._account = account
        self._streams = streams
        self._vault = vault
        self._journal: list[CanMutateAggregate[str]] = []
        self._own_ids: set[str] = set()
        self._invoices_numbered = 0
        self._added: dict[str, list[Invoice | Payment]] = {}  # by parent
        self.secret = secret
        self._ids = IdSequence(secret, command.tenant, command.customer, command.id) if command.customer else None

    def new_id(self, prefix: str) -> str:
        """The command's next id with this prefix."""
        assert self._ids is not None, "the catalog's items are named by their makers"
        id = self._ids.new(prefix)
        self._own_ids.add(id)
        return id

    def find(self, cls: type[Loaded], stream: str) -> Loaded | None:
        """The aggregate, to be changed or not, or None where the stream is not there or of another kind or tenant."""
        aggregate = self.touched.get(stream)
        if aggregate is None:
            known = self._account.aggregates.get(stream)
            if known is None:
                known = self._streams.load(stream)
                if known is None:
                    return None
                self._account.aggregates[stream] = known
            aggregate = copy(known)
            aggregate.journal_into(self._journal)
            self.touched[stream] = aggregate
        if not isinstance(aggregate, cls) or getattr(aggregate, "tenant", None) != self.tenant:
            return None
        self.storefront = self.storefront or getattr(aggregate, "storefront", "")
        return aggregate

    def get(self, cls: type[Loaded], stream: str, pointer: str = "") -> Loaded:
        """The aggregate; raises NotFound, with the pointer where the request's body names it."""
        found = self.find(cls, stream)
        if found is None:
            raise NotFound(cls.TOPIC, stream.rpartition("/")[2], pointer)
        return found

    def add(self, aggregate: Aggregate, name: str = "") -> None:
        """Take a new aggregate in; raises WrongState where its stream exists."""
        # An id made of this command's own can be nobody else's: its stream need not be looked for.
        if aggregate.id not in self._own_ids and self.find(type(aggregate), aggregate.id) is not None:
            kind = aggregate.TOPIC.replace("_", " ")
            raise WrongState(
                f"{aggregate.TOPIC}_exists", f"There is a {kind} {name or aggregate.id.rpartition('/')[2]!r} already."
            )
        aggregate.journal_into(self._journal)
        self.touched[aggregate.id] = aggregate
        if isinstance(aggregate, Invoice):
            self._added.setdefault(billed(aggregate), []).append(aggregate)
        elif isinstance(aggregate, Payment):
            self._added.setdefault(aggregate.invoice, []).append(aggregate)
        self.storefront = self.storefront or getattr(aggregate, "storefront", "")

    @property
    def events(self) -> tuple[Event, ...]:
        """What was decided so far."""
        return cast(tuple[Event, ...], tuple(self._journal))

    def next_invoice_ordinal(self) -> int:
        """The number, from 1, of the customer's next invoice; each is asked for once."""
        self._invoices_numbered += 1
        return self._account.invoices + self._invoices_numbered

    def open_invoices(self, subscription: str) -> list[Invoice]:
        """The subscription's invoices with something still to pay, oldest first."""
        its_open = (invoice for invoice in self._unsettled(subscription) if invoice.state == "open")
        return sorted(its_open, key=lambda invoice: invoice.ordinal)

    def drafts(self, subscription: str) -> list[Invoice]:
        """Those that bill it, in the order in which they were laid out."""
        found = (invoice for invoice in self._unsettled(subscription) if invoice.state == "draft")
        return sorted(found, key=lambda invoice: invoice.drafted_at or self.now)

    def _unsettled(self, subscription: str) -> list[Invoice]:
        found = [*self._children(Invoice, subscription), *self._children(Invoice, self.customer_id)]
        return [invoice for invoice in found if subscription in invoice.subscriptions]

    def all_open_invoices(self) -> list[Invoice]:
        """The customer's, oldest first."""
        stored = (self.find(Invoice, stream) for stream in self._account.open if stream.startswith(f"{INVOICE}_"))
        return sorted((each for each in stored if each is not None and each.state == "open"), key=lambda each: each.ordinal)

    def due_bills(self, until: datetime) -> Iterator[Subscription]:
        """The customer's subscriptions of which something falls due by an instant, soonest first, when this command began."""
        return (self.get(Subscription, timer.stream) for timer in self._account.agenda.due("bill", until))

    def open_payments(self, invoice: str) -> list[Payment]:
        """The invoice's payments that may still come to something."""
        return [payment for payment in self._children(Payment, invoice) if payment.open]

    def _children(self, cls: type[Loaded], parent: str) -> list[Loaded]:
        """Those that were open when this command began, and those that it added."""
        stored = [self.get(cls, stream) for stream in self._account.open_of.get(parent, ())]
        return [*stored, *(each for each in self._added.get(parent, ()) if isinstance(each, cls))]

    def seal(self, stream: str, field: str, clear: Mapping[str, str]) -> str:
        """Seal personal data under the customer's data key, which is made here where there is none."""
        wrapped = self.data_keys.get(self._key) or self._account.data_key
        if wrapped is None and (customer := self.find(Customer, self.customer_id)) is not None and customer.has_data_key:
            wrapped = self._vault.wrapped_key(self._key)
        if wrapped is None:
            wrapped = self.data_keys[self._key] = self._vault.new_key()
        return self._vault.seal(wrapped, stream, field, clear)


def billed(invoice: Invoice) -> str:
    """Whose an invoice is: its subscription's, or the customer's where it is for several."""
    return invoice.subscriptions[0] if len(invoice.subscriptions) == 1 else invoice.customer
