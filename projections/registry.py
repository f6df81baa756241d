"""The closed list of projections, in the order in which their schemas are made."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from domain.event import Event
from projections.api_keys.projection import API_KEYS
from projections.balance.projection import BALANCE
from projections.catalog.projection import CATALOG
from projections.change import Change, Envelope, Handler, Projection, Table
from projections.customers.projection import CUSTOMERS
from projections.entitlements.projection import ENTITLEMENTS
from projections.history.projection import HISTORY
from projections.invoices.projection import INVOICES
from projections.payments.projection import PAYMENTS
from projections.subscriptions.projection import SUBSCRIPTIONS
from projections.usage.projection import USAGE

PROJECTIONS: tuple[Projection, ...] = (
    CATALOG, API_KEYS, CUSTOMERS, SUBSCRIPTIONS, ENTITLEMENTS, INVOICES, PAYMENTS, USAGE, BALANCE, HISTORY,
)  # fmt: skip
TABLES: dict[str, Table] = {table.name: table for projection in PROJECTIONS for table in projection.tables}


@cache
def _handlers(event: type[Event]) -> tuple[Handler[Any], ...]:
    """Who handles an event, looked up once a class: most read models ignore most events."""
    found = [projection.handler(event) for projection in PROJECTIONS]
    return tuple(handler for handler in found if handler is not None)


def project_all(event: Event, envelope: Envelope) -> Sequence[Change]:
    """The changes of all read models that an event makes; raises UnhandledEvent."""
    return [change for handler in _handlers(type(event)) for change in handler(event, envelope)]
