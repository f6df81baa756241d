"""Subscriptions, by id and as a list."""

from __future__ import annotations

from projections.subscriptions import view
from queries.lists import Listing

SUBSCRIPTIONS = Listing("subscriptions", view.COLUMNS, (("created", "timestamptz"), ("id", "text")), view.body)
