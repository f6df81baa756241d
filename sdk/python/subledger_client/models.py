"""What the ledger answers with, and what it is sent, as dictionaries. Generated from its OpenAPI documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict


class AccessStretch(TypedDict):
    """What may be used from `start` until `end` (null: until further notice): without `access` nothing."""

    start: str
    end: str | None
    access: bool
    entitlements: list[Grant]
    because: Cause


class AddOn(TypedDict):
    id: str
    bundle: str
    price: str
    price_version: int
    quantity: str
    amount: Amount
    interval: Interval


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
    """By currency: Σ surplus of a customer's payments, and the account's credit, which the next invoices use."""

    object: Literal["balance"]
    customer: str
    surplus: list[Amount]
    credit: list[Amount]


class BillingPolicy(TypedDict):
    """`yearly`: whether years begin on the billing day, or on the anniversary of the first begin. `changed_trial`: whether
    the trial of what is sold instead is counted from the first start, or anew. `suspended`: whether days without access for
    want of payment are owed. An invoice is charged `payment_terms_days` after its issue, when it falls due. It stays a draft
    for `draft_days` first.
    """

    proration: Proration
    yearly: Literal["billing_day", "anniversary"]
    changed_trial: Literal["first_start", "anew"]
    suspended: Literal["owed", "credited"]
    payment_terms_days: int
    draft_days: int


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


class Cause(TypedDict):
    """The event behind something: `at` in business time, by whom and why."""

    id: str
    type: str
    at: str
    actor: str | None
    reason: str | None


class Charge(TypedDict):
    """One component of a price. `due` says when a recurring one is billed: at a period's begin, or at its end. One for usage
    is always billed at its end, and priced by what the `meter` counted during the period.
    """

    id: str
    name: str
    kind: Literal["recurring", "one_off", "usage"]
    pricing: Flat | PerUnit | Graduated | Volume | Package
    due: Literal["in_advance", "in_arrears"]
    meter: NotRequired[str | None]


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


class Coupon(TypedDict):
    """Takes `percent`, or an `amount` a period, off for so many `periods` (null: for ever)."""

    object: Literal["coupon"]
    id: str
    name: str
    percent: str | None
    amount: Amount | None
    periods: int | None
    prices: list[str]
    redeem_by: str | None
    created: str
    version: int


class CouponAnswer(TypedDict):
    object: Literal["coupon"]
    id: str
    name: str
    percent: str | None
    amount: Amount | None
    periods: int | None
    prices: list[str]
    redeem_by: str | None
    created: str
    version: int
    receipt: Receipt


class CreditNote(TypedDict):
    """What was given up of an invoice; `to_account`: so much of it was paid already."""

    number: str
    lines: list[CreditedLine]
    amount: Amount
    to_account: Amount
    reason: str
    issued_at: str


class CreditedLine(TypedDict):
    """`line` is counted from 1."""

    line: int
    amount: Amount


class Customer(TypedDict):
    object: Literal["customer"]
    id: str
    external_id: str | None
    storefront: str
    timezone: str
    test_clock: str | None
    personal: Personal | None
    payment_method: PaymentMethod | None
    billing_day: int | None
    billed_together: bool
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
    billing_day: int | None
    billed_together: bool
    created: str
    version: int
    receipt: Receipt


class Discount(TypedDict):
    """What a coupon takes off: `percent`, or an `amount` a period, off `item` (null: all items, of an amount the base); for
    so many `periods` that begin from `since` on, none after `until`.
    """

    coupon: str
    name: str
    percent: str | None
    amount: Amount | None
    item: str | None
    periods: int | None
    since: str
    until: str | None


class DunningPolicy(TypedDict):
    """`hard_declines`: whether an instrument that will never pay is tried again. A suspended subscription is given up after
    so many days: it is cancelled, and with `write_off` what it owes is written off.
    """

    hard_declines: Literal["stop", "retry"]
    give_up_after_days: NotRequired[int | None]
    give_up_by: Literal["cancel", "write_off"]


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


class EventReference(TypedDict):
    """An event by its id, with where it stands and the hash that it has there."""

    id: str
    type: str
    position: str
    hash: str


class Explanation(TypedDict):
    """Why a line of an invoice is what it is. `formula` holds all numbers that the amount follows from, in minor units as
    exact fractions: `recomputed` is what it comes to. `text` says it in words. What a client named has none. `events` are
    those that posted the line and published its price.
    """

    object: Literal["explanation"]
    invoice: str
    line: int
    description: str
    subscription: str | None
    item: str | None
    charge: str | None
    price: str | None
    price_version: int | None
    amount: SignedAmount
    recomputed: SignedAmount | None
    formula: Formula | None
    text: list[str]
    events: list[EventReference]
    version: int


class FieldChange(TypedDict):
    before: Any
    after: Any


class Flat(TypedDict):
    model: Literal["flat"]
    amount: int


class Formula(TypedDict):
    """The parts that are owed, and what was posted for them before, of which so much is `withheld`."""

    rounding: Literal["half_up", "half_even"]
    parts: list[PricedPart]
    posted: list[PostedBefore]
    withheld: int


class Graduated(TypedDict):
    tiers: list[Tier]
    model: Literal["graduated"]


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
    """One invoice is one document: what is owed for which period, and what paid it (`paid_at`: open became 0). `open` =
    `total` - `credit_applied` + `credited` - Σ payments - Σ (credit notes - what of them went to the account) -
    `written_off`; a total below 0 is `credited` to the account. A draft has no number, and nothing open; what is void has
    nothing open. `subscription` is null where there are several, or none.
    """

    object: Literal["invoice"]
    id: str
    number: str | None
    customer: str
    subscription: str | None
    subscriptions: list[str]
    storefront: str
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    currency: str
    lines: list[InvoiceLine]
    total: SignedAmount
    credit_applied: Amount
    credited: Amount
    written_off: Amount
    open: Amount
    finalizes_at: str | None
    issued_at: str | None
    due_at: str | None
    paid_at: str | None
    payments: list[AppliedPayment]
    credit_notes: list[CreditNote]
    version: int


class InvoiceAnswer(TypedDict):
    object: Literal["invoice"]
    id: str
    number: str | None
    customer: str
    subscription: str | None
    subscriptions: list[str]
    storefront: str
    status: Literal["draft", "open", "paid", "uncollectible", "void"]
    currency: str
    lines: list[InvoiceLine]
    total: SignedAmount
    credit_applied: Amount
    credited: Amount
    written_off: Amount
    open: Amount
    finalizes_at: str | None
    issued_at: str | None
    due_at: str | None
    paid_at: str | None
    payments: list[AppliedPayment]
    credit_notes: list[CreditNote]
    version: int
    receipt: Receipt


class InvoiceLine(TypedDict):
    """What is owed, or taken back where `amount` is negative: for a `charge` of an `item` that a subscription sells, or a
    `discount` on it; what a client named has none of them. Credit notes gave up what is `waived`.
    """

    kind: Literal["recurring", "proration", "one_off", "usage", "discount", "tax", "credit"]
    description: str
    subscription: str | None
    item: str | None
    charge: str | None
    discount: str | None
    bundle: str | None
    price: str | None
    price_version: int | None
    quantity: str
    period: Period
    amount: SignedAmount
    waived: Amount


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


class Meter(TypedDict):
    """Usage is recorded by it; `aggregation` says what the records of a period come to."""

    object: Literal["meter"]
    id: str
    name: str
    aggregation: Literal["sum", "max", "last", "unique", "count"]
    created: str
    version: int


class MeterAnswer(TypedDict):
    object: Literal["meter"]
    id: str
    name: str
    aggregation: Literal["sum", "max", "last", "unique", "count"]
    created: str
    version: int
    receipt: Receipt


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


class Off(TypedDict):
    """`percent` of what is `left` of a period's price, or an `amount` of which so much was `taken` off other charges, but no
    more than is left.
    """

    percent: str | None
    amount: int | None
    left: str
    taken: str


class Package(TypedDict):
    """`amount` for each begun package of `size` units beyond the `free_units`."""

    model: Literal["package"]
    size: int
    amount: int
    free_units: int


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


class Pause(TypedDict):
    """At rest since `paused_at`, until `resumes_at` (null: until it is resumed)."""

    paused_at: str
    resumes_at: str | None
    billing: Literal["stopped", "continued"]
    entitlements: Literal["kept", "withdrawn"]


class Payment(TypedDict):
    """`applied` went to the invoice, `surplus` to the account's balance, and `refunded` was paid back since; `paid_at`:
    captured, or paid elsewhere.
    """

    object: Literal["payment"]
    id: str
    invoice: str
    customer: str
    subscription: str | None
    storefront: str
    purpose: Literal["automatic", "manual", "recorded"]
    state: Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"]
    amount: Amount
    applied: Amount
    surplus: Amount
    refunded: Amount
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
    subscription: str | None
    storefront: str
    purpose: Literal["automatic", "manual", "recorded"]
    state: Literal["waiting", "pending", "captured", "failed", "unknown", "abandoned", "recorded"]
    amount: Amount
    applied: Amount
    surplus: Amount
    refunded: Amount
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


class PerUnit(TypedDict):
    model: Literal["per_unit"]
    unit_amount: str


class Period(TypedDict):
    """`[start, end)`."""

    start: str
    end: str


class Personal(TypedDict):
    name: NotRequired[str | None]
    email: NotRequired[str | None]
    phone: NotRequired[str | None]
    address: NotRequired[str | None]


class Phase(TypedDict):
    """A time at the beginning in which the `charges` are others: cheaper, say, or none."""

    id: str
    lasts: Interval
    charges: list[Charge]


class PostedBefore(TypedDict):
    """`amount` stands on `invoice`, and credit notes, or its being void, gave up what of it is `waived`: below 0 of a
    discount.
    """

    invoice: str
    amount: int
    waived: int


class PreviewedEvent(TypedDict):
    """An event that would be appended to `stream`; what is sealed in the log is sealed here."""

    type: str
    stream: str
    data: dict[str, Any]


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
    trial_fee: Amount
    charges: list[Charge]
    phases: list[Phase]
    channel: str | None
    effective_from: str | None
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
    trial_fee: Amount
    charges: list[Charge]
    phases: list[Phase]
    channel: str | None
    effective_from: str | None
    created: str
    version: int
    receipt: Receipt


class PricedPart(TypedDict):
    """What is owed for `[start, end)`: the price of the whole period, which is the sum of the `steps`, or what a discount
    takes `off`, times `share`. Where that is a part, the whole period is `[whole_start, whole_end)`.
    """

    start: str
    end: str
    whole_start: NotRequired[str | None]
    whole_end: NotRequired[str | None]
    quantity: str
    steps: list[Step]
    off: NotRequired[Off | None]
    share: str
    before: str
    amount: int


class Proration(TypedDict):
    """`last_day`: whether the day of a cancellation is billed, where it is not a period's end. `first_period`: what a first
    period costs that is a part of a whole one.
    """

    by: Literal["none", "day", "second"]
    last_day: Literal["unbilled", "billed"]
    first_period: Literal["prorated", "free"]
    rounding: Literal["half_up", "half_even"]


class Receipt(TypedDict):
    """Proof of a command: the stream and its version after it, the position of its last event and that event's hash."""

    stream: str
    version: int
    position: str
    event_hash: str


class SignedAmount(TypedDict):
    """An amount that is below 0 where it is given back."""

    amount: int
    currency: str


class Step(TypedDict):
    """`quantity` units at `unit_amount` and `flat_amount` once: one part of what a quantity comes to."""

    quantity: str
    unit_amount: str
    flat_amount: int


class Storefront(TypedDict):
    object: Literal["storefront"]
    id: str
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: list[int]
    billing: BillingPolicy
    dunning: DunningPolicy
    created: str
    version: int


class StorefrontAnswer(TypedDict):
    object: Literal["storefront"]
    id: str
    name: str
    timezone: str
    payment_provider: str
    retry_after_s: list[int]
    billing: BillingPolicy
    dunning: DunningPolicy
    created: str
    version: int
    receipt: Receipt


class Subscription(TypedDict):
    """`current_period` is the last period billed; `access` holds until `access_until` where that is set. `bundle` to
    `interval` are of the base, beside which the `add_ons` are sold.
    """

    object: Literal["subscription"]
    id: str
    customer: str
    storefront: str
    bundle: str
    price: str
    price_version: int
    quantity: str
    state: Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]
    amount: Amount
    interval: Interval
    add_ons: list[AddOn]
    timezone: str
    started_at: str
    trial_ends_at: str | None
    term_ends_at: str | None
    current_period: Period | None
    change_at: str | None
    cancel_at: str | None
    pause: Pause | None
    discounts: list[Discount]
    transfer: Transfer | None
    transferred_from: str | None
    gives_up_at: str | None
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
    quantity: str
    state: Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]
    amount: Amount
    interval: Interval
    add_ons: list[AddOn]
    timezone: str
    started_at: str
    trial_ends_at: str | None
    term_ends_at: str | None
    current_period: Period | None
    change_at: str | None
    cancel_at: str | None
    pause: Pause | None
    discounts: list[Discount]
    transfer: Transfer | None
    transferred_from: str | None
    gives_up_at: str | None
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


class Tier(TypedDict):
    """Up to and including the `up_to`-th unit; None: all above."""

    up_to: int | None
    unit_amount: str
    flat_amount: int


class Timeline(TypedDict):
    """What a customer could use by a subscription, and can from now on as far as is known: the stretches leave no hole, and
    none overlaps another.
    """

    object: Literal["timeline"]
    subscription: str
    stretches: list[AccessStretch]
    version: int


class Transfer(TypedDict):
    """Another customer will have it, as of `at`, as `subscription`."""

    customer: str
    subscription: str
    at: str


class Usage(TypedDict):
    """One record of what was used. `usage` is the stream of its subscription's, meter's and month's."""

    object: Literal["usage"]
    usage: str
    customer: str
    subscription: str
    meter: str
    at: str
    quantity: str | None
    value: str | None
    source: str
    record: str
    created: str
    version: int


class UsageAnswer(TypedDict):
    object: Literal["usage"]
    usage: str
    customer: str
    subscription: str
    meter: str
    at: str
    quantity: str | None
    value: str | None
    source: str
    record: str
    created: str
    version: int
    receipt: Receipt


class Volume(TypedDict):
    tiers: list[Tier]
    model: Literal["volume"]


class AddOnInput(TypedDict):
    """What is sold beside the base, under an id of the client's."""

    id: str
    price: str
    quantity: NotRequired[float | str]


class BillingPolicyInput(TypedDict):
    """`yearly`: whether years begin on the billing day, or on the anniversary of the first begin. `changed_trial`: whether
    the trial of what is sold instead is counted from the first start, or anew. `suspended`: whether days without access for
    want of payment are owed. An invoice is charged `payment_terms_days` after its issue, when it falls due. It stays a draft
    for `draft_days` first.
    """

    proration: NotRequired[ProrationInput]
    yearly: NotRequired[Literal["billing_day", "anniversary"]]
    changed_trial: NotRequired[Literal["first_start", "anew"]]
    suspended: NotRequired[Literal["owed", "credited"]]
    payment_terms_days: NotRequired[int]
    draft_days: NotRequired[int]


class ChargeInput(TypedDict):
    """One component of a price. `due` says when a recurring one is billed: at a period's begin, or at its end. One for usage
    is always billed at its end, and priced by what the `meter` counted during the period.
    """

    id: str
    name: str
    kind: NotRequired[Literal["recurring", "one_off", "usage"]]
    pricing: FlatInput | PerUnitInput | GraduatedInput | VolumeInput | PackageInput
    due: NotRequired[Literal["in_advance", "in_arrears"]]
    meter: NotRequired[str | None]


class ChargeInvoiceInput(TypedDict):
    """Charge the customer's payment method for what is open, once."""

    kind: Literal["charge"]


class CreditedLineInput(TypedDict):
    """`amount` of the invoice's `line`, counted from 1, is given up."""

    line: int
    amount: int


class DunningPolicyInput(TypedDict):
    """`hard_declines`: whether an instrument that will never pay is tried again. A suspended subscription is given up after
    so many days: it is cancelled, and with `write_off` what it owes is written off.
    """

    hard_declines: NotRequired[Literal["stop", "retry"]]
    give_up_after_days: NotRequired[int | None]
    give_up_by: NotRequired[Literal["cancel", "write_off"]]


class FlatInput(TypedDict):
    model: NotRequired[Literal["flat"]]
    amount: int


class GraduatedInput(TypedDict):
    tiers: Sequence[TierInput]
    model: Literal["graduated"]


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


class NewLineInput(TypedDict):
    """`amount` in minor units of the invoice's currency; below 0 it is a credit."""

    description: str
    amount: int


class PackageInput(TypedDict):
    """`amount` for each begun package of `size` units beyond the `free_units`."""

    model: Literal["package"]
    size: int
    amount: int
    free_units: NotRequired[int]


class PaymentMethodInput(TypedDict):
    """How to charge: a provider and the provider's own token for the instrument (never card data)."""

    provider: str
    token: str


class PerUnitInput(TypedDict):
    model: Literal["per_unit"]
    unit_amount: float | str


class PersonalInput(TypedDict):
    """Who the customer is. Every field may be left out."""

    name: NotRequired[str | None]
    email: NotRequired[str | None]
    address: NotRequired[str | None]
    phone: NotRequired[str | None]


class PhaseInput(TypedDict):
    """A time at the beginning in which the `charges` are others: cheaper, say, or none."""

    id: str
    lasts: IntervalInput
    charges: NotRequired[Sequence[ChargeInput]]


class ProrationInput(TypedDict):
    """`last_day`: whether the day of a cancellation is billed, where it is not a period's end. `first_period`: what a first
    period costs that is a part of a whole one.
    """

    by: NotRequired[Literal["none", "day", "second"]]
    last_day: NotRequired[Literal["unbilled", "billed"]]
    first_period: NotRequired[Literal["prorated", "free"]]
    rounding: NotRequired[Literal["half_up", "half_even"]]


class RecordPaymentInput(TypedDict):
    """Money paid elsewhere, whatever became of the invoice: what is not open, and was not written off, goes to the account's
    balance. `paid_at` in the past needs the permission to backdate.
    """

    kind: Literal["recorded"]
    amount: MoneyInput
    paid_at: NotRequired[datetime | str | None]
    reference: NotRequired[str | None]


class TierInput(TypedDict):
    """Up to and including the `up_to`-th unit; None: all above."""

    up_to: int | None
    unit_amount: NotRequired[float | str]
    flat_amount: NotRequired[int]


class VolumeInput(TypedDict):
    tiers: Sequence[TierInput]
    model: Literal["volume"]


class AddInvoiceLines(TypedDict):
    lines: Sequence[NewLineInput]


class AdvanceTestClock(TypedDict):
    """Everything due before `now` is done, in order; what is due at that very instant waits for the next advance."""

    now: datetime | str


class ApplyCoupon(TypedDict):
    """`item`: only off this one, the `base` or an add-on; null: a percentage off all items, an amount off the base."""

    coupon: str
    item: NotRequired[str | None]


class CancelSubscription(TypedDict):
    """`now` ends access at once; `period_end` with the trial or with the period that runs. An instant in the past needs the
    permission to backdate. With `credit` what was paid for later goes to the account; else nothing is given back, and the
    period that runs is owed in full.
    """

    at: Literal["now", "period_end"] | datetime | str
    credit: NotRequired[bool]


class ChangeCustomer(TypedDict):
    """What is left out stays; `personal` replaces all personal data, null removes it."""

    timezone: NotRequired[str | None]
    personal: NotRequired[PersonalInput | None]


class ChangeStorefront(TypedDict):
    """What is left out stays; a policy that is given replaces the whole of it."""

    name: NotRequired[str | None]
    timezone: NotRequired[str | None]
    retry_after_s: NotRequired[Sequence[int] | None]
    billing: NotRequired[BillingPolicyInput | None]
    dunning: NotRequired[DunningPolicyInput | None]


class ChangeSubscription(TypedDict):
    """What is left out stays. `price` and `quantity` are the base's; `add_ons` are all that there will be. An instant in the
    past needs the permission to backdate.
    """

    price: NotRequired[str | None]
    quantity: NotRequired[float | str | None]
    add_ons: NotRequired[Sequence[AddOnInput] | None]
    billing_day: NotRequired[int | None]
    at: NotRequired[Literal["now", "period_end"] | datetime | str]


class CreateCoupon(TypedDict):
    """Either `percent` or an `amount` a period. `periods` 1: once; null: for ever. `prices` empty: of every price."""

    id: NotRequired[str | None]
    name: str
    percent: NotRequired[float | str | None]
    amount: NotRequired[MoneyInput | None]
    periods: NotRequired[int | None]
    prices: NotRequired[Sequence[str]]
    redeem_by: NotRequired[datetime | str | None]


class CreateInvoice(TypedDict):
    """`draft`: it may get more lines, and is owed once it is finalized. What comes to less than 0 goes to the account."""

    customer: str
    currency: str
    lines: Sequence[NewLineInput]
    draft: NotRequired[bool]


class CreateMeter(TypedDict):
    """`aggregation` says what the records of a period come to: their sum, the greatest, the last, how many there are, or how
    many different values.
    """

    id: str
    name: str
    aggregation: Literal["sum", "max", "last", "unique", "count"]


class CreateStorefront(TypedDict):
    """`retry_after_s`: seconds to wait after each failed charge; when they are used up the subscription is suspended."""

    id: NotRequired[str | None]
    name: str
    timezone: NotRequired[str]
    payment_provider: NotRequired[str]
    retry_after_s: NotRequired[Sequence[int]]
    billing: NotRequired[BillingPolicyInput]
    dunning: NotRequired[DunningPolicyInput]


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


class IssueCreditNote(TypedDict):
    """So much of each line is given up: of what is open first, what was paid already goes to the account."""

    lines: Sequence[CreditedLineInput]
    reason: str


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
    status: NotRequired[Literal["draft", "open", "paid", "uncollectible", "void"] | None]


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


class ListUsageFilters(TypedDict):
    limit: NotRequired[int]
    created_gt: NotRequired[datetime | str | None]
    created_gte: NotRequired[datetime | str | None]
    created_lt: NotRequired[datetime | str | None]
    created_lte: NotRequired[datetime | str | None]
    customer: NotRequired[str | None]
    subscription: NotRequired[str | None]
    meter: NotRequired[str | None]


class PageFilters(TypedDict):
    limit: NotRequired[int]


class PauseSubscription(TypedDict):
    """Until `resumes_at`, or until it is resumed. `billing` that is `stopped` gives back the rest of the period."""

    resumes_at: NotRequired[datetime | str | None]
    billing: NotRequired[Literal["stopped", "continued"]]
    entitlements: NotRequired[Literal["withdrawn", "kept"]]


class PublishPrice(TypedDict):
    """A new price of a bundle, for one `channel` or (null) for all that have none of their own."""

    amount: NotRequired[MoneyInput | None]
    currency: NotRequired[str | None]
    charges: NotRequired[Sequence[ChargeInput]]
    interval: IntervalInput
    trial_days: NotRequired[int]
    trial_fee: NotRequired[int]
    phases: NotRequired[Sequence[PhaseInput]]
    term_periods: NotRequired[int | None]
    effective_from: NotRequired[datetime | str | None]
    id: NotRequired[str | None]
    bundle: str
    channel: NotRequired[str | None]


class PublishVersion(TypedDict):
    """Either an `amount` a period, for each unit, or a `currency` and `charges`. `trial_days` 0: no trial; `trial_fee`: what
    all of it costs. `phases` come first, one after the other, with charges of their own. `term_periods` null: runs until
    cancelled, else so many periods after the trial. No interval is longer than five years. It is sold from `effective_from`
    on (null: from now on); of versions that are in effect the newest is.
    """

    amount: NotRequired[MoneyInput | None]
    currency: NotRequired[str | None]
    charges: NotRequired[Sequence[ChargeInput]]
    interval: IntervalInput
    trial_days: NotRequired[int]
    trial_fee: NotRequired[int]
    phases: NotRequired[Sequence[PhaseInput]]
    term_periods: NotRequired[int | None]
    effective_from: NotRequired[datetime | str | None]


class RecordUsage(TypedDict):
    """`quantity` of `meter` at `at` (null: now); for a meter of unique values a `value`, for one that counts neither. Below 0
    it corrects a sum. `source` and `id` name the record: the same one counts once.
    """

    subscription: str
    meter: str
    quantity: NotRequired[float | str | None]
    value: NotRequired[str | None]
    at: NotRequired[datetime | str | None]
    source: str
    id: str


class RefundPayment(TypedDict):
    """`amount` was paid back by whoever pays: no provider is called. `lines` of the payment's invoice are given up for it by
    a credit note; without them the account's credit is paid out.
    """

    amount: MoneyInput
    lines: NotRequired[Sequence[CreditedLineInput]]
    reason: str
    reference: NotRequired[str | None]


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


class RemoveCoupon(TypedDict):
    coupon: str


class RenewSubscription(TypedDict):
    """`periods` null: as many as the price's term has."""

    periods: NotRequired[int | None]


class SetCustomerBilling(TypedDict):
    """`together`: all that falls due on a day stands on one invoice. It needs a `billing_day`."""

    billing_day: int | None
    together: NotRequired[bool]


class SetCustomerPaymentMethod(TypedDict):
    """null: the customer has no method any more."""

    payment_method: PaymentMethodInput | None


class SetSubscriptionTrialEnd(TypedDict):
    """`trial_ends_at` null: now, the trial is converted."""

    trial_ends_at: NotRequired[datetime | str | None]


class StartSubscription(TypedDict):
    """Either `price`, or `bundle` and `currency` where that names one price, the `channel`'s own one where it has any.
    `billing_day` null: the account's, or else the day on which it begins. `start_at` in the past, and `history_until`, need
    the permission to backdate. With `history_until` every period that begins before it is billed and settled as paid
    elsewhere at its begin, never charged: for subscribers who come from another system.
    """

    customer: str
    price: NotRequired[str | None]
    bundle: NotRequired[str | None]
    currency: NotRequired[str | None]
    channel: NotRequired[str | None]
    quantity: NotRequired[float | str]
    add_ons: NotRequired[Sequence[AddOnInput]]
    billing_day: NotRequired[int | None]
    coupons: NotRequired[Sequence[str]]
    start_at: NotRequired[datetime | str | None]
    history_until: NotRequired[datetime | str | None]


class TransferSubscription(TypedDict):
    """`customer` has it from now on."""

    customer: str


class VoidInvoice(TypedDict):
    """`rebill`: bill at once, anew, what its subscriptions owe by now; else what it was for is never billed. It is needed
    where changes gave back some of it, or it gave back something.
    """

    reason: str
    rebill: NotRequired[bool]


class WriteOffInvoice(TypedDict):
    reason: str


PayInvoice = ChargeInvoiceInput | RecordPaymentInput
