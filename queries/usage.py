"""Records of usage, as a list."""

from __future__ import annotations

from projections.usage import view
from queries.lists import Listing

USAGE = Listing("usage_records", view.COLUMNS, (("created", "timestamptz"), ("usage", "text"), ("version", "bigint")))
