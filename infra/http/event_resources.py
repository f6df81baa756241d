"""Events as the query API shows them: of one stream with what each changed, and of the log as they stand in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.catalog.terms import Grant
from domain.pricing.formula import Formula
from infra.http.resources import (
    Instant,
    InvoiceId,
    PriceId,
    SignedAmount,
    StorefrontId,
    SubscriptionId,
    TenantId,
    Version,
)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldChange(_Body):
    before: Any
    after: Any


class HistoryEvent(_Body):
    """One event of a stream: who, when (business time ``at``, recording time ``recorded_at``), what, and what it changed."""

    object: Literal["event"] = "event"
    id: str
    type: str
    version: Version
    actor: str | None
    reason: str | None
    at: Instant
    recorded_at: Instant
    position: str
    hash: str
    data: dict[str, Any]
    changes: dict[str, FieldChange]


class Cause(_Body):
    """The event behind something: ``at`` in business time, by whom and why."""

    id: str
    type: str
    at: Instant
    actor: str | None
    reason: str | None


class AccessStretch(_Body):
    """What may be used from ``start`` until ``end`` (null: until further notice): without ``access`` nothing."""

    start: Instant
    end: Instant | None
    access: bool
    entitlements: list[Grant]
    because: Cause


class Timeline(_Body):
    """What a customer could use by a subscription, and can from now on as far as is known: the stretches leave no hole, and none
    overlaps another.
    """

    object: Literal["timeline"] = "timeline"
    subscription: SubscriptionId
    stretches: list[AccessStretch]
    version: Version


class EventReference(_Body):
    """An event by its id, with where it stands and the hash that it has there."""

    id: str
    type: str
    position: Annotated[str, Field(examples=["3@812"])]
    hash: str


class Explanation(_Body):
    """Why a line of an invoice is what it is. ``formula`` holds all numbers that the amount follows from, in minor units as exact
    fractions: ``recomputed`` is what it comes to. ``text`` says it in words. What a client named has none. ``events`` are those
    that posted the line and published its price.
    """

    object: Literal["explanation"] = "explanation"
    invoice: InvoiceId
    line: int
    description: str
    subscription: SubscriptionId | None
    item: str | None
    charge: str | None
    price: PriceId | None
    price_version: int | None
    amount: SignedAmount
    recomputed: SignedAmount | None
    formula: Formula | None
    text: list[str]
    events: list[EventReference]
    version: Version


Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Decimal = Annotated[str, Field(pattern="^[0-9]+$", examples=["812"])]


class CloudEvent(_Body):
    """An event as it stands in the log, in CloudEvents' JSON: every attribute of its record is text, ``data`` is its value.

    ``position`` and ``previoussequence`` are the feed's own: where it stands, and the sequence, in the same partition, of the
    event shown before it under the same filter (``0``: it is the first).
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Annotated[str, Field(examples=["subscription.cancelled.v2"])]
    subject: str
    time: Instant
    dataschema: str
    datacontenttype: Literal["application/json"]
    partitionkey: str
    sequence: Decimal
    streamversion: Decimal
    term: Decimal
    tenant: TenantId
    storefront: StorefrontId | None = None
    actor: str | None = None
    reason: str | None = None
    commandid: str
    commandindex: Decimal
    commandcount: Decimal
    fingerprint: str | None = None
    catalogsequence: Decimal | None = None
    traceparent: str | None = None
    previoushash: Hash
    hash: Hash
    position: Annotated[str, Field(examples=["3@812"])]
    previoussequence: Decimal
    data: dict[str, Any]


class EventPage(_Body):
    """Events in the order of their recording. ``next_cursor`` goes on after them, also where there is none."""

    object: Literal["list"] = "list"
    data: list[CloudEvent]
    has_more: bool
    next_cursor: Annotated[str, Field(examples=["3@812,catalog@9"])]
