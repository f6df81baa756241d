"""How rows of usage are read."""

from __future__ import annotations

COLUMNS = "usage, customer, subscription, meter, at, quantity, value, source, record, created, version"
