"""Payments, by id and as a list."""

from __future__ import annotations

from projections.payments import view
from queries.lists import Listing

PAYMENTS = Listing("payments", view.COLUMNS, (("created", "timestamptz"), ("id", "text")), view.body)
