"""Events by the stream they stand in, named one by one: what a read model of another stream may ignore.

A new event belongs into its group here; until it does, every projection that does not handle it refuses it.
"""

from __future__ import annotations

from domain.catalog import events as catalog
from domain.customer import events as customer
from domain.event import Event
from domain.invoice import events as invoice
from domain.payment import events as payment
from domain.subscription import events as subscription

Group = frozenset[type[Event]]

API_KEY: Group = frozenset({catalog.ApiKeyIssued, catalog.ApiKeyRevoked})
CATALOG: Group = frozenset(
    {
        catalog.TenantCreated,
        catalog.StorefrontCreated,
        catalog.StorefrontChanged,
        catalog.EntitlementDefined,
        catalog.BundleDefined,
        catalog.PricePublished,
        catalog.ClockCreated,
        catalog.ClockAdvanced,
    }
)
CUSTOMER: Group = frozenset({customer.CustomerRegistered, customer.CustomerChanged, customer.CustomerPaymentMethodSet})
SUBSCRIPTION: Group = frozenset(
    {
        subscription.SubscriptionStarted,
        subscription.SubscriptionActivated,
        subscription.SubscriptionPeriodBilled,
        subscription.SubscriptionGraceEntered,
        subscription.SubscriptionSuspended,
        subscription.SubscriptionReinstated,
        subscription.SubscriptionCancellationScheduled,
        subscription.SubscriptionCancelled,
        subscription.SubscriptionExpired,
    }
)
INVOICE: Group = frozenset({invoice.InvoiceIssued, invoice.InvoicePaymentApplied})
PAYMENT: Group = frozenset(
    {
        payment.PaymentRequested,
        payment.PaymentAttemptStarted,
        payment.PaymentCaptured,
        payment.PaymentAttemptFailed,
        payment.PaymentAttemptUnknown,
        payment.PaymentAbandoned,
        payment.PaymentRecorded,
    }
)
