"""What the ledger answers with, and what it is sent, as dictionaries. Generated from its OpenAPI documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict


class AdvancedClock(TypedDict):
    """The clock at its new time. At `positions` the log shows everything that followed."""

    object: Literal["test_clock"]
    id: str
    name: str
    now: str
    created: str
    version: int
    receipt: Receipt
    positions: list[str]


class Amount(TypedDict):
    """Minor units of a currency. A balance or a sum may pass the limit of one amount, so there is none here."""

    amount: int
    currency: str


class ApiKey(TypedDict):
    """An API key without its text, which only the answer of its issue holds."""

    object: Literal["api_key"]
    id: str
    name: str
    permissions: list[str]
    revoked_at: str | None
    created: str
    version: int


class ApiKeyAnswer(TypedDict):
    object: Literal["api_key"]
    id: str
    name: str
    permissions: list[str]
    revoked_at: str | None
    created: str
    version: int
    receipt: Receipt


class AppliedPayment(TypedDict):
    payment: str
    amount: Amount
    applied_at: str


class Attempt(TypedDict):
    """One call of the provider, or `no_payment_method` without a call. `code` says why it failed."""

    attempt: int
    state: Literal["pending", "captured", "failed", "unknown"]
    started_at: str
    settled_at: str | None
    provider: str | None
    provider_reference: str | None
    code: str | None


class Balance(TypedDict):
    """Σ surplus of a customer's payments, by currency."""

    object: Literal["balance"]
    customer: str
    surplus: list[Amount]


class Bundle(TypedDict):
    object: Literal["bundle"]
    id: str
    storefront: str
    name: str
    grants: list[Grant]
    created: str
    version: int


class BundleAnswer(TypedDict):
    object: Literal["bundle"]
    id: str
    storefront: str
    name: str
    grants: list[Grant]
    created: str
    version: int
    receipt: Receipt


class CloudEvent(TypedDict):
    """An event as it stands in the log, in CloudEvents' JSON: every attribute of its record is text, `data` is its value.
    `position` and `previoussequence` are the feed's own: where it stands, and the sequence, in the same partition, of the
    event shown before it under the same filter (`0`: it is the first).
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: str
    dataschema: str
    datacontenttype: Literal["application/json"]
    partitionkey: str
    sequence: str
    streamversion: str
    term: str
    tenant: str
    storefront: NotRequired[str | None]
    actor: NotRequired[str | None]
    reason: NotRequired[str | None]
    commandid: str
    commandindex: str
    commandcount: str
    fingerprint: NotRequired[str | None]
    catalogsequence: NotRequired[str | None]
    traceparent: NotRequired[str | None]
    previoushash: str
    hash: str
    position: str
    previoussequence: str
    data: dict[str, Any]


class ClusterReport(TypedDict):
    """All nodes. `unowned` are the partitions that none of them has just now: they are about to be taken over."""

    object: Literal["cluster"]
    environment: str
    nodes: list[NodeReport]
    unowned: list[str]


class Customer(TypedDict):
    object: Literal["customer"]
    id: str
    external_id: str | None
    storefront: str
    timezone: str
    test_clock: str | None
    personal: Personal | None
    payment_method: PaymentMethod | None
    created: str
    version: int


class CustomerAnswer(TypedDict):
    object: Literal["customer"]
    id: str
    external_id: str | None
    storefront: str
    timezone: str
    test_clock: str | None
    personal: Personal | None
    payment_method: PaymentMethod | None
    created: str
    version: int
    receipt: Receipt


class Entitlement(TypedDict):
    object: Literal["entitlement"]
    id: str
    kind: Literal["flag", "tier", "quota", "content"]
    name: str
    created: str
    version: int


class EntitlementAnswer(TypedDict):
    object: Literal["entitlement"]
    id: str
    kind: Literal["flag", "tier", "quota", "content"]
    name: str
    created: str
    version: int
    receipt: Receipt


class EntitlementCheck(TypedDict):
    """Whether the customer has the entitlement at `at`. Of several grants the one that lasts longest answers."""

    object: Literal["entitlement_check"]
    customer: str
    entitlement: str
    granted: bool
    kind: Literal["flag", "tier", "quota", "content"] | None
    value: bool | int | str | None
    until: str | None
    subscription: str | None
    reason: Literal["granted", "not_granted", "not_started", "ended", "access_withdrawn"]
    at: str


class EventPage(TypedDict):
    """Events in the order of their recording. `next_cursor` goes on after them, also where there is none."""

    object: Literal["list"]
    data: list[CloudEvent]
    has_more: bool
    next_cursor: str


class FieldChange(TypedDict):
    before: Any
    after: Any


class Grant(TypedDict):
    """An entitlement as a bundle grants it. `value`: true for a flag, a name for a tier, a number for a quota, an id for
    content.
    """

    entitlement: str
    kind: Literal["flag", "tier", "quota", "content"]
    value: bool | int | str


class GrantedEntitlement(TypedDict):
    """A grant that holds now, by which subscription and until when (null: until it is ended)."""

    object: Literal["granted_entitlement"]
    entitlement: str
    kind: Literal["flag", "tier", "quota", "content"]
    value: bool | int | str
    subscription: str
    bundle: str
    until: str | None


class HistoryEvent(TypedDict):
    """One event of a stream: who, when (business time `at`, recording time `recorded_at`), what, and what it changed."""

    object: Literal["event"]
    id: str
    type: str
    version: int
    actor: str | None
    reason: str | None
    at: str
    recorded_at: str
    position: str
    hash: str
    data: dict[str, Any]
    changes: dict[str, FieldChange]


class Interval(TypedDict):
    """A billing interval: `count` times `unit`."""

    unit: Literal["day", "week", "month", "year"]
    count: int


class Invoice(TypedDict):
    """One invoice is one document: what is owed for which period, and what paid it (`paid_at`: open became 0)."""

    object: Literal["invoice"]
    id: str
    number: str
    customer: str
    subscription: str
    storefront: str
    status: Literal["open", "paid"]
    currency: str
    lines: list[InvoiceLine]
    total: Amount
    open: Amount
    issued_at: str
    due_at: str
    paid_at: str | None
    payments: list[AppliedPayment]
    version: int


class InvoiceLine(TypedDict):
    kind: str
    description: str
    bundle: str
    price: str
    price_version: int
    period: Period
    amount: Amount


class IssuedApiKey(TypedDict):
    """A new key, with its text: keep it, it can only be had again by the same request with the same Idempotency-Key."""

    object: Literal["api_key"]
    id: str
    name: str
    permissions: list[str]
    revoked_at: str | None
    created: str
    version: int
    receipt: Receipt
    key: str


class NodeReport(TypedDict):
    """One node. `answers` false: it was not reached, and the partitions are those that the group of owners gives it.
    `unready` says what keeps commands out, or why there is no report.
    """

    address: str
    name: NotRequired[str | None]
    answers: bool
    unready: list[str]
    waiting_max: NotRequired[int | None]
    partitions: list[PartitionReport]


class PartitionReport(TypedDict):
    """One partition at its owner. `term` and `sequence` are those of its last claim and event; `waiting` are commands that
    have no answer yet; `lag` is how many records of the log its index lacks. Null: not known.
    """

    partition: str
    state: Literal["serving", "taking_over", "broken", "unknown"]
    term: NotRequired[int | None]
    sequence: NotRequired[int | None]
    waiting: int
    lag: NotRequired[int | None]


class Payment(TypedDict):
    """`applied` went to the invoice, `surplus` to the account's balance; `paid_at`: captured, or paid elsewhere."""

    object: Literal["payment"]
    id: str
    invoice: str
    customer: str
    subscription: str
    storefront: str
    purpose: Literal["automatic", "manual", "recorded"]
    state: Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"]
    amount: Amount
    applied: Amount
    surplus: Amount
    attempts: list[Attempt]
    retry_at: str | None
    paid_at: str | None
    reference: str | None
    created: str
    version: int


class PaymentAnswer(TypedDict):
    object: Literal["payment"]
    id: str
    invoice: str
    customer: str
    subscription: str
    storefront: str
    purpose: Literal["automatic", "manual", "recorded"]
    state: Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"]
    amount: Amount
    applied: Amount
    surplus: Amount
    attempts: list[Attempt]
    retry_at: str | None
    paid_at: str | None
    reference: str | None
    created: str
    version: int
    receipt: Receipt


class PaymentMethod(TypedDict):
    provider: str
    token: str


class Period(TypedDict):
    """`[start, end)`."""

    start: str
    end: str


class Personal(TypedDict):
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    phone: NotRequired[str | None]
    address: NotRequired[str | None]


class Price(TypedDict):
    """One version of a price; `id` names all versions, `price_version` this one (the newest where none is asked for)."""

    object: Literal["price"]
    id: str
    price_version: int
    storefront: str
    bundle: str
    amount: Amount
    interval: Interval
    trial_days: int
    term_periods: int | None
    created: str
    version: int


class PriceAnswer(TypedDict):
    object: Literal["price"]
    id: str
    price_version: int
    storefront: str
    bundle: str
    amount: Amount
    interval: Interval
    trial_days: int
    term_periods: int | None
    created: str
    version: int
    receipt: Receipt


class Receipt(TypedDict):
    """Proof of a command: the stream and its version after it, the position of its last event and that event's hash."""

    stream: str
    version: int
    position: str
    event_hash: str


class Storefront(TypedDict):
    object: Literal["storefront"]
    id: str
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: list[int]
    created: str
    version: int


class StorefrontAnswer(TypedDict):
    object: Literal["storefront"]
    id: str
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: list[int]
    created: str
    version: int
    receipt: Receipt


class Subscription(TypedDict):
    """`current_period` is the last period billed; `access` holds until `access_until` where that is set."""

    object: Literal["subscription"]
    id: str
    customer: str
    storefront: str
    bundle: str
    price: str
    price_version: int
    state: Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]
    amount: Amount
    interval: Interval
    timezone: str
    started_at: str
    trial_ends_at: str | None
    term_ends_at: str | None
    current_period: Period | None
    cancel_at: str | None
    ended_at: str | None
    access: bool
    access_until: str | None
    created: str
    version: int


class SubscriptionAnswer(TypedDict):
    object: Literal["subscription"]
    id: str
    customer: str
    storefront: str
    bundle: str
    price: str
    price_version: int
    state: Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]
    amount: Amount
    interval: Interval
    timezone: str
    started_at: str
    trial_ends_at: str | None
    term_ends_at: str | None
    current_period: Period | None
    cancel_at: str | None
    ended_at: str | None
    access: bool
    access_until: str | None
    created: str
    version: int
    receipt: Receipt


class Tenant(TypedDict):
    object: Literal["tenant"]
    id: str
    name: str
    created: str
    version: int


class TenantAnswer(TypedDict):
    object: Literal["tenant"]
    id: str
    name: str
    created: str
    version: int
    receipt: Receipt


class TestClock(TypedDict):
    object: Literal["test_clock"]
    id: str
    name: str
    now: str
    created: str
    version: int


class TestClockAnswer(TypedDict):
    object: Literal["test_clock"]
    id: str
    name: str
    now: str
    created: str
    version: int
    receipt: Receipt


class ChargeInput(TypedDict):
    """Charge the customer's payment method for what is open, once."""

    kind: Literal["charge"]


class GrantRequestInput(TypedDict):
    """`value`: true for a flag, a name for a tier, a number for a quota, an id for content."""

    entitlement: str
    value: bool | int | str


class IntervalInput(TypedDict):
    """A billing interval: `count` times `unit`."""

    unit: Literal["day", "week", "month", "year"]
    count: NotRequired[int]


class MoneyInput(TypedDict):
    """An amount that is never negative, in minor units of its currency."""

    amount: int
    currency: str


class PaymentMethodInput(TypedDict):
    """How to charge: a provider and the provider's own token for the instrument (never card data)."""

    provider: str
    token: str


class PersonalInput(TypedDict):
    """Who the customer is. Every field may be left out."""

    name: NotRequired[str | None]
    email: NotRequired[str | None]
    address: NotRequired[str | None]
    phone: NotRequired[str | None]


class RecordPaymentInput(TypedDict):
    """Money paid elsewhere. More than what is open goes to the account's balance. `paid_at` in the past needs the permission
    to backdate.
    """

    kind: Literal["recorded"]
    amount: MoneyInput
    paid_at: NotRequired[datetime | str | None]
    reference: NotRequired[str | None]


class AdvanceTestClock(TypedDict):
    """Everything due before `now` is done, in order; what is due at that very instant waits for the next advance."""

    now: datetime | str


class CancelSubscription(TypedDict):
    """`now` ends access at once; `period_end` with the trial or with the period that runs. Nothing is credited."""

    at: Literal["now", "period_end"]


class ChangeCustomer(TypedDict):
    """What is left out stays; `personal` replaces all personal data, null removes it."""

    timezone: NotRequired[str | None]
    personal: NotRequired[PersonalInput | None]


class ChangeStorefront(TypedDict):
    """What is left out stays."""

    name: NotRequired[str | None]
    timezone: NotRequired[str | None]
    retry_after_s: NotRequired[Sequence[int] | None]


class CreateStorefront(TypedDict):
    """`retry_after_s`: seconds to wait after each failed charge; when they are used up the subscription is suspended."""

    id: NotRequired[str | None]
    name: str
    timezone: NotRequired[str]
    payment_provider: NotRequired[str]
    retry_after_s: NotRequired[Sequence[int]]


class CreateTenant(TypedDict):
    id: str
    name: str


class CreateTestClock(TypedDict):
    """A clock that stands at `now` until it is advanced; customers are bound to it when they are registered."""

    id: NotRequired[str | None]
    name: NotRequired[str]
    now: datetime | str


class CreatedFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]


class DefineBundle(TypedDict):
    id: NotRequired[str | None]
    storefront: str
    name: str
    grants: NotRequired[Sequence[GrantRequestInput]]


class DefineEntitlement(TypedDict):
    id: str
    kind: Literal["flag", "tier", "quota", "content"]
    name: str


class GetEventsFilters(TypedDict):
    type: NotRequired[Sequence[str]]
    customer: NotRequired[str | None]
    limit: NotRequired[int]


class IssueApiKey(TypedDict):
    """`permissions`: `["read"]` makes a read-only key; `backdate` allows dates in the past."""

    name: str
    permissions: NotRequired[Sequence[Literal["read", "write", "backdate"]]]


class ListCustomersFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]
    external_id: NotRequired[str | None]
    storefront: NotRequired[str | None]


class ListInvoicesFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]
    customer: NotRequired[str | None]
    subscription: NotRequired[str | None]
    status: NotRequired[Literal["open", "paid"] | None]


class ListPaymentsFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]
    customer: NotRequired[str | None]
    invoice: NotRequired[str | None]
    state: NotRequired[Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"] | None]


class ListSubscriptionsFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]
    customer: NotRequired[str | None]
    state: NotRequired[Literal["trial", "active", "grace", "suspended", "cancelled", "expired"] | None]


class PageFilters(TypedDict):
    limit: NotRequired[int]


class PublishPrice(TypedDict):
    """A new price of a bundle."""

    amount: MoneyInput
    interval: IntervalInput
    trial_days: NotRequired[int]
    term_periods: NotRequired[int | None]
    id: NotRequired[str | None]
    bundle: str


class PublishVersion(TypedDict):
    """`trial_days` 0: no trial; `term_periods` null: runs until cancelled, else so many periods after the trial."""

    amount: MoneyInput
    interval: IntervalInput
    trial_days: NotRequired[int]
    term_periods: NotRequired[int | None]


class RegisterCustomer(TypedDict):
    """`external_id` is the caller's own, unique in the storefront; it is no place for personal data, which goes to
    `personal`.
    """

    storefront: str
    external_id: NotRequired[str | None]
    timezone: NotRequired[str | None]
    personal: NotRequired[PersonalInput | None]
    payment_method: NotRequired[PaymentMethodInput | None]
    test_clock: NotRequired[str | None]


class SetCustomerPaymentMethod(TypedDict):
    """null: the customer has no method any more."""

    payment_method: PaymentMethodInput | None


class StartSubscription(TypedDict):
    """Either `price`, or `bundle` and `currency` where that names one price. `start_at` in the past, and `history_until`,
    need the permission to backdate. With `history_until` every period that begins before it is billed and settled as paid
    elsewhere at its begin, never charged: for subscribers who come from another system.
    """

    customer: str
    price: NotRequired[str | None]
    bundle: NotRequired[str | None]
    currency: NotRequired[str | None]
    start_at: NotRequired[datetime | str | None]
    history_until: NotRequired[datetime | str | None]


PayInvoice = ChargeInput | RecordPaymentInput
