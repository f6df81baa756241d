"""The response models of both APIs: the command API renders them from aggregates, the query API from rows.

Money is ``{amount, currency}`` in minor units, instants are RFC 3339 in UTC with ``Z``, periods are half-open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.catalog.policy import BillingPolicy, DunningPolicy
from domain.catalog.terms import Aggregation, Charge, EntitlementKind, Grant, Interval, Phase
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
MeterId = Annotated[str, Field(examples=["api-calls"])]
CouponId = Annotated[str, Field(examples=["spring"])]
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


class SignedAmount(_Body):
    """An amount that is below 0 where it is given back."""

    amount: Annotated[int, Field(ge=-MAX_AMOUNT * 10**6, le=MAX_AMOUNT * 10**6, examples=[-4999])]
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
    billing: BillingPolicy
    dunning: DunningPolicy
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
    trial_fee: Amount
    charges: list[Charge]
    phases: list[Phase]
    channel: str | None
    effective_from: Instant | None
    created: Instant
    version: Version


class Meter(_Body):
    """Usage is recorded by it; ``aggregation`` says what the records of a period come to."""

    object: Literal["meter"] = "meter"
    id: MeterId
    name: str
    aggregation: Aggregation
    created: Instant
    version: Version


class Coupon(_Body):
    """Takes ``percent``, or an ``amount`` a period, off for so many ``periods`` (null: for ever)."""

    object: Literal["coupon"] = "coupon"
    id: CouponId
    name: str
    percent: str | None
    amount: Amount | None
    periods: int | None
    prices: list[PriceId]
    redeem_by: Instant | None
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
    billing_day: int | None
    billed_together: bool
    created: Instant
    version: Version


SubscriptionState = Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]


class AddOn(_Body):
    id: str
    bundle: BundleId
    price: PriceId
    price_version: int
    quantity: str
    amount: Amount
    interval: Interval


class Pause(_Body):
    """At rest since ``paused_at``, until ``resumes_at`` (null: until it is resumed)."""

    paused_at: Instant
    resumes_at: Instant | None
    billing: Literal["stopped", "continued"]
    entitlements: Literal["kept", "withdrawn"]


class Discount(_Body):
    """What a coupon takes off: ``percent``, or an ``amount`` a period, off ``item`` (null: all items, of an amount the base); for
    so many ``periods`` that begin from ``since`` on, none after ``until``.
    """

    coupon: CouponId
    name: str
    percent: str | None
    amount: Amount | None
    item: str | None
    periods: int | None
    since: Instant
    until: Instant | None


class Transfer(_Body):
    """Another customer will have it, as of ``at``, as ``subscription``."""

    customer: CustomerId
    subscription: SubscriptionId
    at: Instant


class Subscription(_Body):
    """``current_period`` is the last period billed; ``access`` holds until ``access_until`` where that is set. ``bundle`` to
    ``interval`` are of the base, beside which the ``add_ons`` are sold.
    """

    object: Literal["subscription"] = "subscription"
    id: SubscriptionId
    customer: CustomerId
    storefront: StorefrontId
    bundle: BundleId
    price: PriceId
    price_version: int
    quantity: str
    state: SubscriptionState
    amount: Amount
    interval: Interval
    add_ons: list[AddOn]
    timezone: Zone
    started_at: Instant
    trial_ends_at: Instant | None
    term_ends_at: Instant | None
    current_period: Period | None
    change_at: Instant | None
    cancel_at: Instant | None
    pause: Pause | None
    discounts: list[Discount]
    transfer: Transfer | None
    transferred_from: SubscriptionId | None
    gives_up_at: Instant | None
    ended_at: Instant | None
    access: bool
    access_until: Instant | None
    created: Instant
    version: Version


InvoiceLineKind = Literal["recurring", "proration", "one_off", "usage", "discount", "tax", "credit"]


class InvoiceLine(_Body):
    """What is owed, or taken back where ``amount`` is negative: for a ``charge`` of an ``item`` that a subscription sells, or a
    ``discount`` on it; what a client named has none of them. Credit notes gave up what is ``waived``.
    """

    kind: InvoiceLineKind
    description: str
    subscription: SubscriptionId | None
    item: str | None
    charge: str | None
    discount: CouponId | None
    bundle: BundleId | None
    price: PriceId | None
    price_version: int | None
    quantity: str
    period: Period
    amount: SignedAmount
    waived: Amount


class AppliedPayment(_Body):
    payment: PaymentId
    amount: Amount
    applied_at: Instant


InvoiceStatus = Literal["draft", "open", "paid", "uncollectible", "void"]


class CreditedLine(_Body):
    """``line`` is counted from 1."""

    line: int
    amount: Amount


class CreditNote(_Body):
    """What was given up of an invoice; ``to_account``: so much of it was paid already."""

    number: str
    lines: list[CreditedLine]
    amount: Amount
    to_account: Amount
    reason: str
    issued_at: Instant


class Invoice(_Body):
    """One invoice is one document: what is owed for which period, and what paid it (``paid_at``: open became 0).

    ``open`` = ``total`` - ``credit_applied`` + ``credited`` - Σ payments - Σ (credit notes - what of them went to the account) -
    ``written_off``; a total below 0 is ``credited`` to the account. A draft has no number, and nothing open; what is void has
    nothing open. ``subscription`` is null where there are several, or none.
    """

    object: Literal["invoice"] = "invoice"
    id: InvoiceId
    number: InvoiceNumber | None
    customer: CustomerId
    subscription: SubscriptionId | None
    subscriptions: list[SubscriptionId]
    storefront: StorefrontId
    status: InvoiceStatus
    currency: str
    lines: list[InvoiceLine]
    total: SignedAmount
    credit_applied: Amount
    credited: Amount
    written_off: Amount
    open: Amount
    finalizes_at: Instant | None
    issued_at: Instant | None
    due_at: Instant | None
    paid_at: Instant | None
    payments: list[AppliedPayment]
    credit_notes: list[CreditNote]
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
    """``applied`` went to the invoice, ``surplus`` to the account's balance, and ``refunded`` was paid back since; ``paid_at``:
    captured, or paid elsewhere.
    """

    object: Literal["payment"] = "payment"
    id: PaymentId
    invoice: InvoiceId
    customer: CustomerId
    subscription: SubscriptionId | None
    storefront: StorefrontId
    purpose: Literal["automatic", "manual", "recorded"]
    state: PaymentState
    amount: Amount
    applied: Amount
    surplus: Amount
    refunded: Amount
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
    """By currency: Σ surplus of a customer's payments, and the account's credit, which the next invoices use."""

    object: Literal["balance"] = "balance"
    customer: CustomerId
    surplus: list[Amount]
    credit: list[Amount]


class Usage(_Body):
    """One record of what was used. ``usage`` is the stream of its subscription's, meter's and month's."""

    object: Literal["usage"] = "usage"
    usage: Annotated[str, Field(examples=["use_1191a7566c0d12b7a2f6c1f0e9d4"])]
    customer: CustomerId
    subscription: SubscriptionId
    meter: MeterId
    at: Instant
    quantity: Annotated[str | None, Field(examples=["12"])]
    value: str | None
    source: str
    record: str
    created: Instant
    version: Version


class Page(_Body, Generic[Resource]):
    """A page of a list, newest first. ``next_cursor`` asks for the next one."""

    object: Literal["list"] = "list"
    data: list[Resource]
    has_more: bool
    next_cursor: str | None


class PreviewedEvent(_Body):
    """An event that would be appended to ``stream``; what is sealed in the log is sealed here."""

    type: Annotated[str, Field(examples=["subscription.changed.v1"])]
    stream: str
    data: dict[str, Any]


class Preview(_Body):
    """What a command would do: the ``resource`` as it would be, all ``events`` in their order, and every invoice that they make
    or change. None of these where it was done before, under the same key. Ids of what would be made hang on the key.
    """

    object: Literal["preview"] = "preview"
    events: list[PreviewedEvent]
    invoices: list[Invoice]


class Receipt(_Body):
    """Proof of a command: the stream and its version after it, the position of its last event and that event's hash."""

    stream: str
    version: Version
    position: Annotated[str, Field(examples=["7@48122"])]
    event_hash: str
