"""The response models of both APIs: the command API renders them from aggregates, the query API from rows.

Money is ``{amount, currency}`` in minor units, instants are RFC 3339 in UTC with ``Z``, periods are half-open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.catalog.terms import EntitlementKind, Grant, Interval
from domain.money import MAX_AMOUNT

Resource = TypeVar("Resource", bound=BaseModel)


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
Version = Annotated[int, Field(ge=0, description="Version of the stream this is true at; the ETag's number.", examples=[3])]
CustomerId = Annotated[str, Field(examples=["cus_1191a7568b943f9b0d97b8f8a935"])]
SubscriptionId = Annotated[str, Field(examples=["sub_1191a7563ee8fd704b529d0da062"])]
InvoiceId = Annotated[str, Field(examples=["inv_1191a756a6caacc8a621c95fe3a3"])]
PaymentId = Annotated[str, Field(examples=["pay_1191a756e12f97a3ae2d2de526a1"])]
TenantId = Annotated[str, Field(examples=["acme"])]
StorefrontId = Annotated[str, Field(examples=["web"])]
EntitlementId = Annotated[str, Field(examples=["hd"])]
BundleId = Annotated[str, Field(examples=["all"])]
PriceId = Annotated[str, Field(examples=["monthly"])]
ApiKeyId = Annotated[str, Field(examples=["key_7d0c31"])]
ClockId = Annotated[str, Field(examples=["clk_1"])]
Zone = Annotated[str, Field(examples=["Europe/Berlin"])]
InvoiceNumber = Annotated[str, Field(examples=["1191A756-0001"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Amount(_Body):
    """Minor units of a currency. A balance or a sum may pass the limit of one amount, so there is none here."""

    amount: Annotated[int, Field(ge=0, le=MAX_AMOUNT * 10**6, examples=[4999])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]


class Period(_Body):
    """``[start, end)``."""

    start: Instant
    end: Instant


class Tenant(_Body):
    object: Literal["tenant"] = "tenant"
    id: TenantId
    name: str
    created: Instant
    version: Version


class Storefront(_Body):
    object: Literal["storefront"] = "storefront"
    id: StorefrontId
    name: str
    timezone: Zone
    payment_provider: str
    retry_after_s: list[int]
    created: Instant
    version: Version


class Entitlement(_Body):
    object: Literal["entitlement"] = "entitlement"
    id: EntitlementId
    kind: EntitlementKind
    name: str
    created: Instant
    version: Version


class Bundle(_Body):
    object: Literal["bundle"] = "bundle"
    id: BundleId
    storefront: StorefrontId
    name: str
    grants: list[Grant]
    created: Instant
    version: Version


class Price(_Body):
    """One version of a price; ``id`` names all versions, ``price_version`` this one (the newest where none is asked for)."""

    object: Literal["price"] = "price"
    id: PriceId
    price_version: int
    storefront: StorefrontId
    bundle: BundleId
    amount: Amount
    interval: Interval
    trial_days: int
    term_periods: int | None
    created: Instant
    version: Version


class ApiKey(_Body):
    """An API key without its text, which only the answer of its issue holds."""

    object: Literal["api_key"] = "api_key"
    id: ApiKeyId
    name: str
    permissions: list[str]
    revoked_at: Instant | None
    created: Instant
    version: Version


class TestClock(_Body):
    __test__ = False  # not a test case, whatever its name says

    object: Literal["test_clock"] = "test_clock"
    id: ClockId
    name: str
    now: Instant
    created: Instant
    version: Version


class Personal(_Body):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None


class PaymentMethod(_Body):
    provider: str
    token: str


class Customer(_Body):
    object: Literal["customer"] = "customer"
    id: CustomerId
    external_id: str | None
    storefront: StorefrontId
    timezone: Zone
    test_clock: ClockId | None
    personal: Personal | None
    payment_method: PaymentMethod | None
    created: Instant
    version: Version


SubscriptionState = Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]


class Subscription(_Body):
    """``current_period`` is the last period billed; ``access`` holds until ``access_until`` where that is set."""

    object: Literal["subscription"] = "subscription"
    id: SubscriptionId
    customer: CustomerId
    storefront: StorefrontId
    bundle: BundleId
    price: PriceId
    price_version: int
    state: SubscriptionState
    amount: Amount
    interval: Interval
    timezone: Zone
    started_at: Instant
    trial_ends_at: Instant | None
    term_ends_at: Instant | None
    current_period: Period | None
    cancel_at: Instant | None
    ended_at: Instant | None
    access: bool
    access_until: Instant | None
    created: Instant
    version: Version


class InvoiceLine(_Body):
    kind: str
    description: str
    bundle: BundleId
    price: PriceId
    price_version: int
    period: Period
    amount: Amount


class AppliedPayment(_Body):
    payment: PaymentId
    amount: Amount
    applied_at: Instant


InvoiceStatus = Literal["open", "paid"]


class Invoice(_Body):
    """One invoice is one document: what is owed for which period, and what paid it (``paid_at``: open became 0)."""

    object: Literal["invoice"] = "invoice"
    id: InvoiceId
    number: InvoiceNumber
    customer: CustomerId
    subscription: SubscriptionId
    storefront: StorefrontId
    status: InvoiceStatus
    currency: str
    lines: list[InvoiceLine]
    total: Amount
    open: Amount
    issued_at: Instant
    due_at: Instant
    paid_at: Instant | None
    payments: list[AppliedPayment]
    version: Version


AttemptState = Literal["pending", "captured", "failed", "unknown"]


class Attempt(_Body):
    """One call of the provider, or ``no_payment_method`` without a call. ``code`` says why it failed."""

    attempt: int
    state: AttemptState
    started_at: Instant
    settled_at: Instant | None
    provider: str | None
    provider_reference: str | None
    code: str | None


PaymentState = Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"]


class Payment(_Body):
    """``applied`` went to the invoice, ``surplus`` to the account's balance; ``paid_at``: captured, or paid elsewhere."""

    object: Literal["payment"] = "payment"
    id: PaymentId
    invoice: InvoiceId
    customer: CustomerId
    subscription: SubscriptionId
    storefront: StorefrontId
    purpose: Literal["automatic", "manual", "recorded"]
    state: PaymentState
    amount: Amount
    applied: Amount
    surplus: Amount
    attempts: list[Attempt]
    retry_at: Instant | None
    paid_at: Instant | None
    reference: str | None
    created: Instant
    version: Version


class GrantedEntitlement(_Body):
    """A grant that holds now, by which subscription and until when (null: until it is ended)."""

    object: Literal["granted_entitlement"] = "granted_entitlement"
    entitlement: EntitlementId
    kind: EntitlementKind
    value: bool | int | str
    subscription: SubscriptionId
    bundle: BundleId
    until: Instant | None


EntitlementReason = Literal["granted", "not_granted", "not_started", "ended", "access_withdrawn"]


class EntitlementCheck(_Body):
    """Whether the customer has the entitlement at ``at``. Of several grants the one that lasts longest answers."""

    object: Literal["entitlement_check"] = "entitlement_check"
    customer: CustomerId
    entitlement: EntitlementId
    granted: bool
    kind: EntitlementKind | None
    value: bool | int | str | None
    until: Instant | None
    subscription: SubscriptionId | None
    reason: EntitlementReason
    at: Instant


class Balance(_Body):
    """Σ surplus of a customer's payments, by currency."""

    object: Literal["balance"] = "balance"
    customer: CustomerId
    surplus: list[Amount]


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
    type: Annotated[str, Field(examples=["subscription.cancelled.v1"])]
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


class Page(_Body, Generic[Resource]):
    """A page of a list, newest first. ``next_cursor`` asks for the next one."""

    object: Literal["list"] = "list"
    data: list[Resource]
    has_more: bool
    next_cursor: str | None


class Receipt(_Body):
    """Proof of a command: the stream and its version after it, the position of its last event and that event's hash."""

    stream: str
    version: Version
    position: Annotated[str, Field(examples=["7@48122"])]
    event_hash: str
