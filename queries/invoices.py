"""Invoices, by id and as a list. An invoice is created when it is issued, in business time: what is billed late sorts right."""

from __future__ import annotations

from projections.invoices import view
from queries.lists import Listing

INVOICES = Listing("invoices", view.COLUMNS, (("issued_at", "timestamptz"), ("id", "text")), view.body)
