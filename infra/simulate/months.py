"""A ledger's events as a row for each month and currency: a fold over the log, apart from the read models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from domain.event import Event
from domain.invoice import events as invoices
from domain.subscription.aggregate import Subscription
from domain.subscription.events import SubscriptionStarted
from domain.subscription.lifecycle import State
from infra.simulate.history import History


@dataclass(slots=True)
class Flows:
    """What happened to what is owed in a month, in minor units.

    What is open at its end = what was at its begin + invoiced - collected - credited - written off.
    """

    invoiced: int = 0
    collected: int = 0
    credited: int = 0
    written_off: int = 0

    @property
    def balance(self) -> int:
        """What they add to what is open."""
        return self.invoiced - self.collected - self.credited - self.written_off


@dataclass(frozen=True, slots=True)
class Month:
    """The month from ``begins`` on, in one currency: the ``subscriptions`` that had not ended by its end, by state, those that
    ended in it (``churned``), its flows, and what is ``open`` at its end. ``credited``: settled by account credit or given up by
    credit notes; an invoice below 0 gives such credit and is none that is owed.
    """

    begins: datetime
    currency: str
    subscriptions: Mapping[State, int]
    churned: int
    flows: Flows
    open: int

    def as_json(self) -> dict[str, Any]:
        return {
            "begins": self.begins.isoformat(),
            "currency": self.currency,
            "subscriptions": dict(self.subscriptions),
            "churned": self.churned,
            **asdict(self.flows),
            "open": self.open,
        }


class Months:
    """Takes a ledger's events, each stream's in order, and closes a month at a time."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, Subscription] = {}
        self._invoices: dict[str, tuple[str, int]] = {}  # currency, and what was invoiced: of a draft nothing yet
        self._open: Counter[str] = Counter()
        self._flows: defaultdict[str, Flows] = defaultdict(Flows)
        self._churned: Counter[str] = Counter()

    def read(self, history: History) -> None:
        """Count all that was written since to the month that is not closed yet."""
        for event in history.read():
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Count an event to the month that is not closed yet."""
        stream = event.originator_id
        if isinstance(event, SubscriptionStarted) or stream in self._subscriptions:
            self._on_subscription(stream, event)
        elif isinstance(event, invoices.InvoiceDrafted):
            self._invoices[stream] = event.currency, 0
        elif isinstance(event, invoices.InvoiceIssued):
            self._owed(stream, event.currency, event)
        elif stream in self._invoices:
            self._on_invoice(stream, event)

    @property
    def running(self) -> Mapping[str, Subscription]:
        """The subscriptions that have not ended, by id."""
        return self._subscriptions

    def close(self, begins: datetime) -> list[Month]:
        """The month that began then and is over: a row for each currency that was ever met, in their order."""
        states = Counter((each.currency, each.state) for each in self._subscriptions.values())
        rows = []
        for currency in sorted(
            {currency for currency, _ in states} | self._open.keys() | self._flows.keys() | self._churned.keys()
        ):
            flows = self._flows.pop(currency, Flows())
            self._open[currency] += flows.balance
            counts: dict[State, int] = {state: count for (of, state), count in sorted(states.items()) if of == currency}
            rows.append(Month(begins, currency, counts, self._churned.pop(currency, 0), flows, self._open[currency]))
        return rows

    def _on_subscription(self, stream: str, event: Event) -> None:
        found = event.mutate(self._subscriptions.get(stream))
        assert isinstance(found, Subscription)
        if found.ended:
            self._churned[found.currency] += 1
            del self._subscriptions[stream]
        else:
            self._subscriptions[stream] = found

    def _on_invoice(self, stream: str, event: Event) -> None:
        currency, invoiced = self._invoices[stream]
        flows = self._flows[currency]
        match event:
            case invoices.InvoiceFinalized():
                self._owed(stream, currency, event)
            case invoices.InvoicePaymentApplied():
                flows.collected += event.amount
            case invoices.InvoiceCreditNoted():
                flows.credited += event.amount - event.to_account
            case invoices.InvoiceWrittenOff():
                flows.written_off += event.amount
            case invoices.InvoiceVoided():
                flows.invoiced -= invoiced
                flows.credited -= event.credit_returned
            case _:
                assert isinstance(event, invoices.InvoiceLinesAdded), event

    def _owed(self, stream: str, currency: str, event: invoices.InvoiceIssued | invoices.InvoiceFinalized) -> None:
        invoiced = max(event.total, 0)
        self._invoices[stream] = currency, invoiced
        self._flows[currency].invoiced += invoiced
        self._flows[currency].credited += event.credit_applied
