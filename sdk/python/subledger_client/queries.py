"""The ledger's queries, each a function that makes what a client sends. Generated from its OpenAPI documents."""

from __future__ import annotations

from typing import Unpack

from subledger_client import models
from subledger_client.requests import Feed, Listing, Query, part


def api_key_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """An API key's events. Its hash is masked."""
    return Listing(f"/v1/api-keys/{part(id)}/events", filters)


def bundle_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A bundle's events."""
    return Listing(f"/v1/bundles/{part(id)}/events", filters)


def check_entitlement(id: str, key: str) -> Query[models.EntitlementCheck]:
    """Whether the customer may use this now; an entitlement that nobody granted is simply not granted."""
    return Query(f"/v1/customers/{part(id)}/entitlements/{part(key)}")


def coupon_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A coupon's events."""
    return Listing(f"/v1/coupons/{part(id)}/events", filters)


def customer_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A customer's events. Personal data is masked."""
    return Listing(f"/v1/customers/{part(id)}/events", filters)


def entitlement_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """An entitlement's events."""
    return Listing(f"/v1/entitlements/{part(id)}/events", filters)


def explain_line(id: str, line: str) -> Query[models.Explanation]:
    """Why a line, counted from 1, is what it is: the price, the formula with its numbers, the rounding, the events."""
    return Query(f"/v1/invoices/{part(id)}/lines/{part(line)}/explain")


def get_api_key(id: str) -> Query[models.ApiKey]:
    """One key's record, revoked or not; never its text."""
    return Query(f"/v1/api-keys/{part(id)}")


def get_balance(id: str) -> Query[models.Balance]:
    """What the customer has paid beyond what was owed, by currency."""
    return Query(f"/v1/customers/{part(id)}/balance")


def get_bundle(id: str) -> Query[models.Bundle]:
    """One bundle with what it grants."""
    return Query(f"/v1/bundles/{part(id)}")


def get_cluster() -> Query[models.ClusterReport]:
    """With the bootstrap admin key only; `x-tn` is not needed. Of a node that does not answer in time it says so."""
    return Query("/v1/cluster")


def get_coupon(id: str) -> Query[models.Coupon]:
    """One coupon."""
    return Query(f"/v1/coupons/{part(id)}")


def get_customer(id: str) -> Query[models.Customer]:
    """One customer."""
    return Query(f"/v1/customers/{part(id)}")


def get_entitlement(id: str) -> Query[models.Entitlement]:
    """One entitlement's definition."""
    return Query(f"/v1/entitlements/{part(id)}")


def get_events(**filters: Unpack[models.GetEventsFilters]) -> Feed[models.EventPage]:
    """The tenant's events of all streams, each as it stands in the log. All that concerns a customer comes in its order. With
    `Accept: text/event-stream` the answer is a stream: each event with the cursor after it as its `id`, a comment every 15 s,
    and an event `problem` where it has to end before the client does. Else it is one page; where there is no event yet it
    comes with the first one, or without any when `wait` is over.
    """
    return Feed("/v1/events", filters)


def get_invoice(id: str) -> Query[models.Invoice]:
    """One invoice: its lines, its totals and what paid it."""
    return Query(f"/v1/invoices/{part(id)}")


def get_meter(id: str) -> Query[models.Meter]:
    """One meter."""
    return Query(f"/v1/meters/{part(id)}")


def get_payment(id: str) -> Query[models.Payment]:
    """One payment with its attempts."""
    return Query(f"/v1/payments/{part(id)}")


def get_price(id: str) -> Query[models.Price]:
    """A price in its newest version; `monthly@2` asks for a version."""
    return Query(f"/v1/prices/{part(id)}")


def get_storefront(id: str) -> Query[models.Storefront]:
    """One storefront."""
    return Query(f"/v1/storefronts/{part(id)}")


def get_subscription(id: str) -> Query[models.Subscription]:
    """One subscription."""
    return Query(f"/v1/subscriptions/{part(id)}")


def get_tenant(id: str) -> Query[models.Tenant]:
    """One's own tenant; the admin may ask for any."""
    return Query(f"/v1/tenants/{part(id)}")


def get_test_clock(id: str) -> Query[models.TestClock]:
    """As of the newest command."""
    return Query(f"/v1/test-clocks/{part(id)}")


def invoice_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """An invoice's events."""
    return Listing(f"/v1/invoices/{part(id)}/events", filters)


def list_api_keys(**filters: Unpack[models.CreatedFilters]) -> Listing[models.ApiKey]:
    """API keys, newest first; never their text."""
    return Listing("/v1/api-keys", filters)


def list_bundles(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Bundle]:
    """Bundles, newest first."""
    return Listing("/v1/bundles", filters)


def list_coupons(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Coupon]:
    """Coupons, newest first."""
    return Listing("/v1/coupons", filters)


def list_customers(**filters: Unpack[models.ListCustomersFilters]) -> Listing[models.Customer]:
    """Customers, newest first; `external_id` with `storefront` finds one by the client's own id."""
    return Listing("/v1/customers", filters)


def list_entitlements(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Entitlement]:
    """Entitlements as they are defined, newest first; what a customer has of them is under the customer."""
    return Listing("/v1/entitlements", filters)


def list_granted(id: str) -> Listing[models.GrantedEntitlement]:
    """Everything the customer may use now (by its test clock, where it has one), in one page."""
    return Listing(f"/v1/customers/{part(id)}/entitlements")


def list_invoices(**filters: Unpack[models.ListInvoicesFilters]) -> Listing[models.Invoice]:
    """Invoices, newest first; `created` is when one was issued."""
    return Listing("/v1/invoices", filters)


def list_meters(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Meter]:
    """Meters, newest first."""
    return Listing("/v1/meters", filters)


def list_payments(**filters: Unpack[models.ListPaymentsFilters]) -> Listing[models.Payment]:
    """Payments, newest first."""
    return Listing("/v1/payments", filters)


def list_prices(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Price]:
    """Prices in all their versions, newest first."""
    return Listing("/v1/prices", filters)


def list_storefronts(**filters: Unpack[models.CreatedFilters]) -> Listing[models.Storefront]:
    """Storefronts, newest first."""
    return Listing("/v1/storefronts", filters)


def list_subscriptions(**filters: Unpack[models.ListSubscriptionsFilters]) -> Listing[models.Subscription]:
    """Subscriptions, newest first."""
    return Listing("/v1/subscriptions", filters)


def list_test_clocks(**filters: Unpack[models.PageFilters]) -> Listing[models.TestClock]:
    """Newest first."""
    return Listing("/v1/test-clocks", filters)


def list_usage(**filters: Unpack[models.ListUsageFilters]) -> Listing[models.Usage]:
    """Records of usage, the newest first; `created` is when one was recorded."""
    return Listing("/v1/usage", filters)


def meter_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A meter's events."""
    return Listing(f"/v1/meters/{part(id)}/events", filters)


def payment_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A payment's events."""
    return Listing(f"/v1/payments/{part(id)}/events", filters)


def price_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """The events of one version of a price, named as `monthly@2`."""
    return Listing(f"/v1/prices/{part(id)}/events", filters)


def storefront_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A storefront's events."""
    return Listing(f"/v1/storefronts/{part(id)}/events", filters)


def subscription_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """A subscription's events."""
    return Listing(f"/v1/subscriptions/{part(id)}/events", filters)


def subscription_timeline(id: str) -> Query[models.Timeline]:
    """What the customer could use by it, from when until when, who made it so and why; and what is known of the future."""
    return Query(f"/v1/subscriptions/{part(id)}/timeline")


def tenant_events(id: str, /, **filters: Unpack[models.PageFilters]) -> Listing[models.HistoryEvent]:
    """The tenant's own events."""
    return Listing(f"/v1/tenants/{part(id)}/events", filters)
