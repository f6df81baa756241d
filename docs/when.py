"""When each event occurs, in a sentence. Meaning and fields stand in the events' own docstrings."""

from __future__ import annotations

WHEN: dict[str, str] = {
    "tenant.created.v1": "The bootstrap admin makes a tenant.",
    "storefront.created.v1": "A client makes a storefront.",
    "storefront.changed.v1": "A client changes a storefront.",
    "entitlement.defined.v1": "A client defines an entitlement.",
    "bundle.defined.v1": "A client defines a bundle of entitlements that are defined.",
    "price.published.v1": "A client publishes a price or a further version of one.",
    "api_key.issued.v1": "The bootstrap admin issues a key for a tenant.",
    "api_key.revoked.v1": "The bootstrap admin revokes a key. A key is revoked once.",
    "clock.created.v1": "A client makes a test clock, in a sandbox.",
    "clock.advanced.v1": "A client advances a test clock; it never goes back.",
    "customer.registered.v1": "A client or an import registers a customer.",
    "customer.changed.v1": "A client changes personal data or time zone.",
    "customer.payment_method_set.v1": "A client sets or removes the payment method.",
    "subscription.started.v1": "A client or an import sells a bundle at a price to a customer.",
    "subscription.activated.v1": "The trial's end falls due. A subscription without a trial starts active, without this event.",
    "subscription.period_billed.v1": (
        "A period begins while the subscription is active or in grace: at the anchor and at each date after it."
    ),
    "subscription.grace_entered.v1": "An automatic charge fails while the subscription is active.",
    "subscription.suspended.v1": "The last retry of an automatic charge fails and no outcome is unknown.",
    "subscription.reinstated.v1": "The last overdue invoice of a subscription in grace or suspended is paid.",
    "subscription.cancellation_scheduled.v1": "A client cancels at the end of the period or trial.",
    "subscription.cancelled.v1": "A client cancels at once, or the scheduled time falls due.",
    "subscription.expired.v1": "The end of a fixed term falls due.",
    "invoice.issued.v1": "A period is billed, in the same append as `subscription.period_billed.v1`.",
    "invoice.payment_applied.v1": "A payment is captured or recorded while something is open, in the same append.",
    "payment.requested.v1": "An invoice with something to pay is issued, or a client asks for a charge of an open invoice.",
    "payment.attempt_started.v1": "After the request, and when a retry falls due. The provider is called once this is committed.",
    "payment.captured.v1": "The provider says that it has the money, at once or at a later check.",
    "payment.attempt_failed.v1": "The provider refuses, at once or at a later check; or there is no payment method to charge.",
    "payment.attempt_unknown.v1": "The call or a check ends without a final outcome: a time-out, a lost connection.",
    "payment.abandoned.v1": "The invoice is paid otherwise, or the subscription is suspended, while a retry is still to come.",
    "payment.recorded.v1": "A client or an import records money that was paid elsewhere.",
}

CLAIM_WHEN = "A node takes a partition over, before it serves it. No event: it has no sequence and only begins a term."
