"""The ledger's commands, each a function that makes what a client sends. Generated from its OpenAPI documents."""

from __future__ import annotations

from typing import Unpack

from subledger_client import models
from subledger_client.requests import Command, part


def advance_test_clock(id: str, /, **body: Unpack[models.AdvanceTestClock]) -> Command[models.AdvancedClock]:
    """Advance a test clock. Everything due before the new time is done, in order and once; answers when all of it is
    committed. After a 503 or a broken connection send the same request again: it goes on from where it was.
    """
    return Command(f"/v1/test-clocks/{part(id)}/advance", body)


def cancel_subscription(id: str, /, **body: Unpack[models.CancelSubscription]) -> Command[models.SubscriptionAnswer]:
    """Cancel a subscription. `now` ends access at once; `period_end` with the trial or the period that runs. What is open
    stays owed.
    """
    return Command(f"/v1/subscriptions/{part(id)}/cancel", body)


def change_customer(id: str, /, **body: Unpack[models.ChangeCustomer]) -> Command[models.CustomerAnswer]:
    """Change a customer. What is left out stays; `personal` replaces all personal data, null removes it. Subscriptions keep
    their time zone.
    """
    return Command(f"/v1/customers/{part(id)}", body)


def change_storefront(id: str, /, **body: Unpack[models.ChangeStorefront]) -> Command[models.StorefrontAnswer]:
    """Change a storefront. What is left out stays. Payments asked for before keep their schedule, customers their time zone."""
    return Command(f"/v1/storefronts/{part(id)}", body)


def create_storefront(**body: Unpack[models.CreateStorefront]) -> Command[models.StorefrontAnswer]:
    """Create a storefront. Where bundles are sold and customers belong. `retry_after_s` is the schedule of retries after
    failed charges.
    """
    return Command("/v1/storefronts", body)


def create_tenant(**body: Unpack[models.CreateTenant]) -> Command[models.TenantAnswer]:
    """Create a tenant. With the bootstrap admin key only; x-tn is not needed. All that follows lives inside a tenant."""
    return Command("/v1/tenants", body)


def create_test_clock(**body: Unpack[models.CreateTestClock]) -> Command[models.TestClockAnswer]:
    """Create a test clock. A time of its own for the customers who are registered with it: it stands still until it is
    advanced.
    """
    return Command("/v1/test-clocks", body)


def define_bundle(**body: Unpack[models.DefineBundle]) -> Command[models.BundleAnswer]:
    """Define a bundle. What a storefront sells: a name for a set of grants. A subscription copies the grants it was sold
    with.
    """
    return Command("/v1/bundles", body)


def define_entitlement(**body: Unpack[models.DefineEntitlement]) -> Command[models.EntitlementAnswer]:
    """Define an entitlement. Something that a bundle can grant: a flag, a tier, a quota or content."""
    return Command("/v1/entitlements", body)


def issue_api_key(**body: Unpack[models.IssueApiKey]) -> Command[models.IssuedApiKey]:
    """Issue an API key. With the bootstrap admin key only. `["read"]` makes a read-only key; `backdate` allows dates in the
    past.
    """
    return Command("/v1/api-keys", body)


def pay_invoice(id: str, /, body: models.PayInvoice) -> Command[models.PaymentAnswer]:
    """Pay an invoice. `charge` asks for the open amount once: 201 captured, 402 declined, 202 where no outcome came in time.
    `recorded` notes money paid elsewhere. A replay answers with the payment as it is then.
    """
    return Command(f"/v1/invoices/{part(id)}/payments", body)


def publish_price(**body: Unpack[models.PublishPrice]) -> Command[models.PriceAnswer]:
    """Publish a price. What a bundle costs in one currency and how often; its version 1."""
    return Command("/v1/prices", body)


def publish_version(id: str, /, **body: Unpack[models.PublishVersion]) -> Command[models.PriceAnswer]:
    """Publish a price's next version. New sales take it; what was sold keeps its own. A version is never changed, so If-Match
    other than `*` is refused.
    """
    return Command(f"/v1/prices/{part(id)}/versions", body)


def register_customer(**body: Unpack[models.RegisterCustomer]) -> Command[models.CustomerAnswer]:
    """Register a customer. `external_id` is unique in the storefront: a second registration with it is a 409. Personal data
    is stored sealed.
    """
    return Command("/v1/customers", body)


def revoke_api_key(id: str) -> Command[models.ApiKeyAnswer]:
    """Revoke an API key. With the bootstrap admin key only. From the answer on nothing is accepted from it; other nodes hear
    of it in a moment.
    """
    return Command(f"/v1/api-keys/{part(id)}/revoke", {})


def set_customer_payment_method(id: str, /, **body: Unpack[models.SetCustomerPaymentMethod]) -> Command[models.CustomerAnswer]:
    """Set a customer's payment method. What the next attempt charges, retries included; null: there is none any more, and
    charges fail.
    """
    return Command(f"/v1/customers/{part(id)}/payment-method", body)


def start_subscription(**body: Unpack[models.StartSubscription]) -> Command[models.SubscriptionAnswer]:
    """Start a subscription. The subscription is in trial or active, with access; its first charge follows. Dates in the past
    need `backdate`.
    """
    return Command("/v1/subscriptions", body)
