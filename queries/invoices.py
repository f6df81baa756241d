"""Invoices, by id and as a list. An invoice is created when it is issued or drafted, in business time: what is billed late sorts
right.
"""

from __future__ import annotations

from projections.invoices import view
from queries.lists import Listing

_BY_CREATION = (("created", "timestamptz"), ("id", "text"))

# The customer's invoices have an index; of a subscription, which has one customer for ever, they are few.
_OF_SUBSCRIPTION = "customer = (SELECT customer FROM ledger.subscriptions WHERE id = {value}) AND subscriptions ? {value}"

INVOICES = Listing("invoices", view.COLUMNS, _BY_CREATION, view.body, among={"subscription": _OF_SUBSCRIPTION})
