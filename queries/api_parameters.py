"""Query parameters of the routes. A parameter that a route does not know is refused: a misspelt filter must not list all."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from domain.ids import is_id
from domain.registry import EVENTS, UPCASTERS
from infra.http.resources import InvoiceStatus, PaymentState, SubscriptionState
from queries.feed import PREFIX, Filter
from queries.lists import Asked

# Cursors of the feed by name.
BEGINNING, NOW = "0", "now"
WAIT_S_MAX = 60

Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+")


def _rfc3339(text: object) -> object:
    """Numbers would pass for seconds or milliseconds, by their size; nobody should have to guess."""
    if isinstance(text, str) and not _RFC3339.fullmatch(text):
        raise ValueError("An instant looks like 2026-01-01T00:00:00Z.")
    return text


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339), Field(examples=["2026-01-01T00:00:00Z"])]


class NoParameters(BaseModel):
    """A route without parameters."""

    model_config = ConfigDict(extra="forbid")


class PageParameters(NoParameters):
    """Which part of a list."""

    limit: Annotated[int, Field(ge=1, le=100, description="How many at most.")] = 20
    cursor: Annotated[str | None, Field(max_length=1000, description="``next_cursor`` of the page before.")] = None

    def asked(self) -> Asked:
        return Asked(self.limit, self.cursor)


class ListParameters(PageParameters):
    """Which part of a list, and created when."""

    created_gt: Annotated[Instant | None, Field(alias="created[gt]")] = None
    created_gte: Annotated[Instant | None, Field(alias="created[gte]")] = None
    created_lt: Annotated[Instant | None, Field(alias="created[lt]")] = None
    created_lte: Annotated[Instant | None, Field(alias="created[lte]")] = None

    def asked(self) -> Asked:
        """As the query understands it: every further field of a subclass filters the column of its name."""
        given: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set if getattr(self, name) is not None}
        created = {name.removeprefix("created_"): given.pop(name) for name in list(given) if name.startswith("created_")}
        equal = {name: value for name, value in given.items() if name not in ("limit", "cursor")}
        return Asked(self.limit, self.cursor, equal, created)


class CustomerParameters(ListParameters):
    external_id: Annotated[Text | None, Field(description="The client's own id; unique in a storefront.")] = None
    storefront: Text | None = None


class SubscriptionParameters(ListParameters):
    customer: Text | None = None
    state: SubscriptionState | None = None


class InvoiceParameters(ListParameters):
    customer: Text | None = None
    subscription: Text | None = None
    status: InvoiceStatus | None = None


class PaymentParameters(ListParameters):
    customer: Text | None = None
    invoice: Text | None = None
    state: PaymentState | None = None


class UsageParameters(ListParameters):
    customer: Text | None = None
    subscription: Text | None = None
    meter: Text | None = None


def _known_type(text: str) -> str:
    """A type that no event can have is refused: a misspelt filter would be shown nothing for ever."""
    prefix = text.removesuffix("*") if text.endswith(PREFIX) else None
    names = (*EVENTS, *UPCASTERS)
    if not (text in names if prefix is None else any(name.startswith(prefix) for name in names)):
        raise ValueError(f"No event has the type {text!r}.")
    return text


def _customer_id(text: str) -> str:
    if not is_id(text, "cus"):
        raise ValueError("This is no customer's id.")
    return text


class FeedParameters(NoParameters):
    """Which events, from where on."""

    after: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4000,
            description="A cursor: an answer's `next_cursor`, a stream's last `id`, or any positions, such as the "
            "`Ledger-Position` of a command. `0`: from the first event on; `now`: only what comes.",
            examples=["3@812,catalog@9"],
        ),
    ] = BEGINNING
    type: Annotated[
        list[Annotated[str, AfterValidator(_known_type)]],
        Field(max_length=20, description="Only these types: exact, or the prefix before a `.*`.", examples=[["invoice.*"]]),
    ] = Field(default_factory=list)
    customer: Annotated[
        Annotated[str, AfterValidator(_customer_id)] | None, Field(description="Only what concerns this customer.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="How many at most in an answer. A stream has no end.")] = 100
    wait: Annotated[
        int, Field(ge=0, le=WAIT_S_MAX, description="How many seconds to wait for a first event where there is none.")
    ] = 0

    def filter(self) -> Filter:
        return Filter(tuple(sorted(set(self.type))), self.customer)
