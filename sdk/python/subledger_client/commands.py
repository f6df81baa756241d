"""The ledger's commands, each a function that makes what a client sends. Generated from its OpenAPI documents."""

from __future__ import annotations

from typing import Unpack

from subledger_client import models
from subledger_client.requests import Command, part


def add_invoice_lines(id: str, /, **body: Unpack[models.AddInvoiceLines]) -> Command[models.InvoiceAnswer]:
    """Add lines to a draft. What was issued is never edited: a credit note corrects it."""
    return Command(f"/v1/invoices/{part(id)}/lines", body)


def advance_test_clock(id: str, /, **body: Unpack[models.AdvanceTestClock]) -> Command[models.AdvancedClock]:
    """Advance a test clock. Everything due before the new time is done, in order and once; answers when all of it is
    committed. After a 503 or a broken connection send the same request again: it goes on from where it was.
    """
    return Command(f"/v1/test-clocks/{part(id)}/advance", body)


def apply_coupon(id: str, /, **body: Unpack[models.ApplyCoupon]) -> Command[models.SubscriptionAnswer]:
    """Apply a coupon. Periods that begin from now on cost less. A coupon counts once for a subscription."""
    return Command(f"/v1/subscriptions/{part(id)}/apply-coupon", body)


def cancel_subscription(id: str, /, **body: Unpack[models.CancelSubscription]) -> Command[models.SubscriptionAnswer]:
    """Cancel a subscription. `now` ends access at once; `period_end` with the trial or the period that runs; an instant then.
    What is open stays owed; with `credit` what was paid for later goes to the account.
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


def change_subscription(id: str, /, **body: Unpack[models.ChangeSubscription]) -> Command[models.SubscriptionAnswer]:
    """Change what a subscription sells. Another price, quantity, add-ons or billing day. What that takes back and what is
    owed instead stands on one invoice; what is left below nothing goes to the account. At `period_end` or a later instant it
    is scheduled, instead of what was.
    """
    return Command(f"/v1/subscriptions/{part(id)}/change", body)


def create_coupon(**body: Unpack[models.CreateCoupon]) -> Command[models.CouponAnswer]:
    """Create a coupon. A percentage or an amount off what a subscription sells: for one period, several, or for ever."""
    return Command("/v1/coupons", body)


def create_invoice(**body: Unpack[models.CreateInvoice]) -> Command[models.InvoiceAnswer]:
    """Invoice one-off charges. Charged when it falls due. A `draft` may get more lines, and is owed once it is finalized."""
    return Command("/v1/invoices", body)


def create_meter(**body: Unpack[models.CreateMeter]) -> Command[models.MeterAnswer]:
    """Create a meter. Usage is recorded by it, and charged by prices that name it."""
    return Command("/v1/meters", body)


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


def finalize_invoice(id: str) -> Command[models.InvoiceAnswer]:
    """Finalize a draft. It gets its number, uses the account's credit, is owed, and is charged when it falls due."""
    return Command(f"/v1/invoices/{part(id)}/finalize", {})


def issue_api_key(**body: Unpack[models.IssueApiKey]) -> Command[models.IssuedApiKey]:
    """Issue an API key. With the bootstrap admin key only. `["read"]` makes a read-only key; `backdate` allows dates in the
    past.
    """
    return Command("/v1/api-keys", body)


def issue_credit_note(id: str, /, **body: Unpack[models.IssueCreditNote]) -> Command[models.InvoiceAnswer]:
    """Issue a credit note. Gives up parts of lines, counted from 1: of what is open first; what was paid already goes to the
    account.
    """
    return Command(f"/v1/invoices/{part(id)}/credit-notes", body)


def pause_subscription(id: str, /, **body: Unpack[models.PauseSubscription]) -> Command[models.SubscriptionAnswer]:
    """Pause a subscription. It rests until an instant, or until it is resumed; its state stays. Billing stops or goes on,
    entitlements are withdrawn or kept. What was paid for the rest of the period goes to the account where billing stops.
    """
    return Command(f"/v1/subscriptions/{part(id)}/pause", body)


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


def record_usage(**body: Unpack[models.RecordUsage]) -> Command[models.UsageAnswer]:
    """Record usage. The same `source` and `id` count once for a customer, whatever the Idempotency-Key. Usage of a period
    that was billed already is on the next invoice, as the difference that it makes to that period.
    """
    return Command("/v1/usage", body)


def refund_payment(id: str, /, **body: Unpack[models.RefundPayment]) -> Command[models.PaymentAnswer]:
    """Refund a payment. Notes what was paid back elsewhere, out of the account's credit; the `lines` are given up for it by a
    credit note.
    """
    return Command(f"/v1/payments/{part(id)}/refunds", body)


def register_customer(**body: Unpack[models.RegisterCustomer]) -> Command[models.CustomerAnswer]:
    """Register a customer. `external_id` is unique in the storefront: a second registration with it is a 409. Personal data
    is stored sealed.
    """
    return Command("/v1/customers", body)


def remove_coupon(id: str, /, **body: Unpack[models.RemoveCoupon]) -> Command[models.SubscriptionAnswer]:
    """Remove a coupon. Periods that begin from now on cost what they do without it."""
    return Command(f"/v1/subscriptions/{part(id)}/remove-coupon", body)


def renew_subscription(id: str, /, **body: Unpack[models.RenewSubscription]) -> Command[models.SubscriptionAnswer]:
    """Renew a fixed term. The term goes on after its end, for as many periods as it had, or as many as you say."""
    return Command(f"/v1/subscriptions/{part(id)}/renew", body)


def resume_subscription(id: str) -> Command[models.SubscriptionAnswer]:
    """Resume a subscription. It goes on now, and is billed for the rest of the period that runs."""
    return Command(f"/v1/subscriptions/{part(id)}/resume", {})


def revoke_api_key(id: str) -> Command[models.ApiKeyAnswer]:
    """Revoke an API key. With the bootstrap admin key only. From the answer on nothing is accepted from it; other nodes hear
    of it in a moment.
    """
    return Command(f"/v1/api-keys/{part(id)}/revoke", {})


def set_customer_billing(id: str, /, **body: Unpack[models.SetCustomerBilling]) -> Command[models.CustomerAnswer]:
    """Set how a customer is billed. On a day of the month, and together on one invoice or each subscription on its own. What
    was sold before stays as it is.
    """
    return Command(f"/v1/customers/{part(id)}/billing", body)


def set_customer_payment_method(id: str, /, **body: Unpack[models.SetCustomerPaymentMethod]) -> Command[models.CustomerAnswer]:
    """Set a customer's payment method. What the next attempt charges, retries included; null: there is none any more, and
    charges fail.
    """
    return Command(f"/v1/customers/{part(id)}/payment-method", body)


def set_subscription_trial_end(id: str, /, **body: Unpack[models.SetSubscriptionTrialEnd]) -> Command[models.SubscriptionAnswer]:
    """Move a trial's end. Later or sooner; without an instant the trial is converted now, and the first period billed."""
    return Command(f"/v1/subscriptions/{part(id)}/trial", body)


def start_subscription(**body: Unpack[models.StartSubscription]) -> Command[models.SubscriptionAnswer]:
    """Start a subscription. The subscription is in trial or active, with access; its first charge follows. Dates in the past
    need `backdate`.
    """
    return Command("/v1/subscriptions", body)


def transfer_subscription(id: str, /, **body: Unpack[models.TransferSubscription]) -> Command[models.SubscriptionAnswer]:
    """Transfer a subscription to another customer. It ends here and goes on there as another one (`transfer.subscription`),
    at the same prices, on the same billing days. What was paid for later goes to the account here, and is owed there. Both
    customers are of one storefront. 202 where the other side has not answered in time: until then nothing falls due, and it
    cannot be changed. A replay answers with how it is then.
    """
    return Command(f"/v1/subscriptions/{part(id)}/transfer", body)


def uncancel_subscription(id: str) -> Command[models.SubscriptionAnswer]:
    """Withdraw a scheduled cancellation. The subscription goes on as if no end had been scheduled."""
    return Command(f"/v1/subscriptions/{part(id)}/uncancel", {})


def void_invoice(id: str, /, **body: Unpack[models.VoidInvoice]) -> Command[models.InvoiceAnswer]:
    """Void an invoice. It was wrong, and is not owed. With `rebill` its subscriptions are billed anew at once, by what holds
    now. Not where something was paid: issue a credit note then.
    """
    return Command(f"/v1/invoices/{part(id)}/void", body)


def withdraw_subscription_change(id: str) -> Command[models.SubscriptionAnswer]:
    """Withdraw a scheduled change. What is sold stays as it is."""
    return Command(f"/v1/subscriptions/{part(id)}/withdraw-change", {})


def write_off_invoice(id: str, /, **body: Unpack[models.WriteOffInvoice]) -> Command[models.InvoiceAnswer]:
    """Write an invoice off. What is open will never be paid; no retry is made any more."""
    return Command(f"/v1/invoices/{part(id)}/write-off", body)
