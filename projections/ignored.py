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
from domain.usage import events as usage

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
        catalog.CouponCreated,
        catalog.MeterCreated,
        catalog.ClockCreated,
        catalog.ClockAdvanced,
    }
)
CUSTOMER: Group = frozenset(
    {
        customer.CustomerRegistered,
        customer.CustomerChanged,
        customer.CustomerPaymentMethodSet,
        customer.CustomerBillingSet,
        customer.CustomerCredited,
        customer.CustomerCreditApplied,
        customer.CustomerCreditRefunded,
    }
)
SUBSCRIPTION: Group = frozenset(
    {
        subscription.SubscriptionStarted,
        subscription.SubscriptionActivated,
        subscription.SubscriptionTrialEndSet,
        subscription.SubscriptionBilled,
        subscription.SubscriptionChanged,
        subscription.SubscriptionChangeScheduled,
        subscription.SubscriptionChangeWithdrawn,
        subscription.SubscriptionGraceEntered,
        subscription.SubscriptionSuspended,
        subscription.SubscriptionReinstated,
        subscription.SubscriptionPaused,
        subscription.SubscriptionResumed,
        subscription.SubscriptionRenewed,
        subscription.SubscriptionDiscounted,
        subscription.SubscriptionDiscountEnded,
        subscription.SubscriptionInvoiceWithdrawn,
        subscription.SubscriptionLineWaived,
        subscription.SubscriptionUsedLate,
        subscription.SubscriptionTransferRequested,
        subscription.SubscriptionTransferFailed,
        subscription.SubscriptionTransferred,
        subscription.SubscriptionCancellationScheduled,
        subscription.SubscriptionCancellationWithdrawn,
        subscription.SubscriptionCancelled,
        subscription.SubscriptionExpired,
    }
)
INVOICE: Group = frozenset(
    {
        invoice.InvoiceIssued,
        invoice.InvoiceDrafted,
        invoice.InvoiceLinesAdded,
        invoice.InvoiceFinalized,
        invoice.InvoicePaymentApplied,
        invoice.InvoiceCreditNoted,
        invoice.InvoiceVoided,
        invoice.InvoiceWrittenOff,
        invoice.InvoiceRecovered,
    }
)
PAYMENT: Group = frozenset(
    {
        payment.PaymentRequested,
        payment.PaymentAttemptStarted,
        payment.PaymentCaptured,
        payment.PaymentAttemptFailed,
        payment.PaymentAttemptUnknown,
        payment.PaymentAbandoned,
        payment.PaymentRefunded,
        payment.PaymentRecorded,
    }
)
USAGE: Group = frozenset({usage.UsageOpened, usage.UsageRecorded})
