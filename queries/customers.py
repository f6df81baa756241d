"""Customers, by id and as a list."""

from __future__ import annotations

from projections.customers import view
from queries.lists import Listing

CUSTOMERS = Listing("customers", view.COLUMNS, (("created", "timestamptz"), ("id", "text")), view.body)
