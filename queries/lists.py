"""Keyset lists, newest first: a page goes on after the last row's immutable columns, so nothing is skipped or shown twice."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from queries.ports import Row, Snapshot


class InvalidCursor(ValueError):
    """Not a cursor of this list."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list over ``table``. ``order``: immutable columns that name a row, each with its type; the first is its creation.
    ``among``: filters for one of several, each with the condition that finds them by the value.
    """

    table: str
    columns: str
    order: tuple[tuple[str, str], ...]
    body: Callable[[Row], Row] = dict
    among: Mapping[str, str] = field(default_factory=dict)

    def condition(self, name: str) -> str:
        """The SQL of the filter of this name."""
        return self.among.get(name, "{name} = {value}").format(name=name, value=f"%(equal_{name})s")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks of a list. ``equal``: columns to equal values; ``created``: operators (gt, gte, lt, lte) → instants."""

    limit: int = 20
    cursor: str | None = None
    equal: Mapping[str, Any] = field(default_factory=dict)
    created: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    data: Sequence[Row]
    next_cursor: str | None


_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


async def page(snapshot: Snapshot, listing: Listing, asked: Asked) -> Page:
    """The asked page. Raises InvalidCursor."""
    names = [name for name, _ in listing.order]
    conditions = [listing.condition(name) for name in asked.equal]
    conditions += [f"{names[0]} {_OPERATORS[operator]} %(created_{operator})s" for operator in asked.created]
    parameters: dict[str, Any] = {f"equal_{column}": value for column, value in asked.equal.items()}
    parameters |= {f"created_{operator}": instant for operator, instant in asked.created.items()}
    if asked.cursor is not None:
        values = [f"%(after_{name})s::{type_}" for name, type_ in listing.order]
        conditions.append(f"({', '.join(names)}) < ({', '.join(values)})")
        parameters |= {f"after_{name}": value for name, value in zip(names, _decode(listing, asked.cursor), strict=True)}
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = ", ".join(f"{name} DESC" for name in names)
    sql = f"SELECT {listing.columns} FROM ledger.{listing.table} {where} ORDER BY {order} LIMIT %(limit)s"
    rows = await snapshot.all(sql, **parameters, limit=asked.limit + 1)
    more = len(rows) > asked.limit
    rows = rows[: asked.limit]
    return Page([listing.body(row) for row in rows], _encode(listing, rows[-1]) if more else None)


def _encode(listing: Listing, row: Row) -> str:
    data = orjson.dumps([listing.table, *(row[name] for name, _ in listing.order)])
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(listing: Listing, cursor: str) -> list[Any]:
    try:
        table, *values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        typed = [_typed(value, type_) for value, (_, type_) in zip(values, listing.order, strict=True)]
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidCursor("The cursor is not one that this API gave.") from error
    if table != listing.table:
        raise InvalidCursor("The cursor belongs to another list.")
    return typed


def _typed(value: Any, type_: str) -> Any:
    match type_:
        case "timestamptz" if (instant := datetime.fromisoformat(value)).tzinfo is not None:
            return instant
        case "integer" | "bigint" if isinstance(value, int) and abs(value) < 2**31:
            return value
        case "text" if isinstance(value, str) and "\0" not in value:
            return value
        case _:
            raise TypeError(f"{value!r} is no {type_}")


async def find(snapshot: Snapshot, listing: Listing, **key: object) -> Row | None:
    """The row whose columns equal ``key``, as its resource; the newest of several."""
    condition = " AND ".join(f"{column} = %({column})s" for column in key)
    order = ", ".join(f"{name} DESC" for name, _ in listing.order)
    row = await snapshot.one(
        f"SELECT {listing.columns} FROM ledger.{listing.table} WHERE {condition} ORDER BY {order} LIMIT 1", **key
    )
    return None if row is None else listing.body(row)
