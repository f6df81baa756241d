"""Events of a payment. A payment begins as asked for here (``requested``) or as made elsewhere (``recorded``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import AwareDatetime

from domain.customer.events import PaymentMethod
from domain.event import Event, FirstEvent
from domain.money import Amount, Money

if TYPE_CHECKING:
    from domain.payment.aggregate import Payment


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt as it stands: started, and what is known of its outcome."""

    number: int
    started_at: datetime
    provider: str | None
    state: Literal["pending", "captured", "failed", "unknown"] = "pending"
    settled_at: datetime | None = None
    reference: str | None = None
    code: str | None = None


AbandonedFor = Literal["invoice_paid", "invoice_closed", "subscription_suspended"]


class PaymentRequested(FirstEvent):
    """The open amount of an invoice is to be charged, at ``attempt_at``, or now where that is null. ``retry_after_s`` holds the
    waits, in seconds, after each failed attempt.

    ``automatic`` payments come from billing and decide grace and suspension; ``manual`` ones were asked for by a client and are
    tried once.
    """

    TOPIC: ClassVar[str] = "payment.requested.v2"
    tenant: str
    customer: str
    subscription: str | None
    storefront: str
    invoice: str
    purpose: Literal["automatic", "manual"]
    amount: Money
    retry_after_s: tuple[int, ...]
    attempt_at: AwareDatetime | None

    def apply(self, aggregate: Payment) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.subscription = self.subscription
        aggregate.storefront = self.storefront
        aggregate.invoice = self.invoice
        aggregate.purpose = self.purpose
        aggregate.amount = self.amount
        aggregate.retry_after_s = self.retry_after_s
        aggregate.state = "waiting"
        aggregate.attempts = 0
        aggregate.attempt = None
        aggregate.tries = ()
        aggregate.checks = 0
        aggregate.failure = None
        aggregate.declined = None
        aggregate.retry_at = self.attempt_at
        aggregate.check_at = None
        aggregate.applied = 0
        aggregate.surplus = 0
        aggregate.refunded = 0
        aggregate.paid_at = None
        aggregate.reference = None


class PaymentAttemptStarted(Event):
    """Recorded before the provider is called. ``key`` is the provider's idempotency key; it lives until ``key_expires_at``.

    ``amount`` is what the invoice has open now; ``method`` is what is charged; ``None``: nothing is, and it fails without a call.
    """

    TOPIC: ClassVar[str] = "payment.attempt_started.v1"
    attempt: int
    amount: Money
    key: str
    key_expires_at: AwareDatetime
    method: PaymentMethod | None

    def apply(self, aggregate: Payment) -> None:
        aggregate.state = "pending"
        aggregate.attempts = self.attempt
        aggregate.attempt = self
        aggregate.retry_at = None
        aggregate.check_at = None
        aggregate.checks = 0
        provider = self.method.provider if self.method else None
        aggregate.tries = (*aggregate.tries, Attempt(self.attempt, self.timestamp, provider))


def _settled(payment: Payment, **outcome: Any) -> tuple[Attempt, ...]:
    *before, last = payment.tries
    return (*before, replace(last, **outcome))


class PaymentCaptured(Event):
    """The provider has the money. ``applied`` went to the invoice, ``surplus`` to the account's balance; together ``amount``."""

    TOPIC: ClassVar[str] = "payment.captured.v1"
    attempt: int
    provider_reference: str
    amount: Money
    applied: Amount
    surplus: Amount
    captured_at: AwareDatetime

    def apply(self, aggregate: Payment) -> None:
        aggregate.state = "captured"
        aggregate.applied = self.applied
        aggregate.surplus = self.surplus
        aggregate.check_at = None
        aggregate.failure = None
        aggregate.paid_at = self.captured_at
        aggregate.tries = _settled(aggregate, state="captured", settled_at=self.captured_at, reference=self.provider_reference)


class PaymentAttemptFailed(Event):
    """Finally refused (``code``). ``hard``: this instrument will never pay. ``retry_at`` says when the next attempt is due;
    ``None``: that was the last.
    """

    TOPIC: ClassVar[str] = "payment.attempt_failed.v2"
    attempt: int
    code: str
    hard: bool
    retry_at: AwareDatetime | None

    def apply(self, aggregate: Payment) -> None:
        aggregate.state = "failed" if self.retry_at is None else "waiting"
        aggregate.failure = self.code
        if self.hard and aggregate.attempt is not None:
            aggregate.declined = aggregate.attempt.method
        aggregate.retry_at = self.retry_at
        aggregate.check_at = None
        aggregate.tries = _settled(aggregate, state="failed", settled_at=self.timestamp, code=self.code)


class PaymentAttemptUnknown(Event):
    """No outcome is known. The same attempt is sent again with the same key at ``check_at``; ``None``: the key has expired, and
    only the provider's final state can settle it.
    """

    TOPIC: ClassVar[str] = "payment.attempt_unknown.v1"
    attempt: int
    check: int
    check_at: AwareDatetime | None

    def apply(self, aggregate: Payment) -> None:
        aggregate.state = "unknown"
        aggregate.check_at = self.check_at
        aggregate.checks = self.check
        aggregate.tries = _settled(aggregate, state="unknown")


class PaymentAbandoned(Event):
    """The remaining retries will not be made: the invoice was paid otherwise or is owed no more, or the subscription was
    suspended.
    """

    TOPIC: ClassVar[str] = "payment.abandoned.v1"
    cause: AbandonedFor

    def apply(self, aggregate: Payment) -> None:
        aggregate.state = "abandoned"
        aggregate.retry_at = None


class PaymentRefunded(Event):
    """``amount`` was paid back elsewhere, at ``refunded_at``, out of what the account had, with the payer's or bank's
    ``reference``; ``refunded`` is what was paid back of the payment in all.
    """

    TOPIC: ClassVar[str] = "payment.refunded.v1"
    amount: Money
    refunded: Amount
    reason: str
    reference: str | None
    refunded_at: AwareDatetime

    def apply(self, aggregate: Payment) -> None:
        aggregate.refunded = self.refunded


class PaymentRecorded(FirstEvent):
    """Money that was paid elsewhere, at ``paid_at``, with the payer's or bank's ``reference``."""

    TOPIC: ClassVar[str] = "payment.recorded.v1"
    tenant: str
    customer: str
    subscription: str | None
    storefront: str
    invoice: str
    amount: Money
    applied: Amount
    surplus: Amount
    paid_at: AwareDatetime
    reference: str | None

    def apply(self, aggregate: Payment) -> None:
        aggregate.tenant = self.tenant
        aggregate.customer = self.customer
        aggregate.subscription = self.subscription
        aggregate.storefront = self.storefront
        aggregate.invoice = self.invoice
        aggregate.purpose = "recorded"
        aggregate.amount = self.amount
        aggregate.retry_after_s = ()
        aggregate.state = "recorded"
        aggregate.paid_at = self.paid_at
        aggregate.reference = self.reference
        aggregate.attempts = 0
        aggregate.attempt = None
        aggregate.tries = ()
        aggregate.checks = 0
        aggregate.failure = None
        aggregate.declined = None
        aggregate.retry_at = None
        aggregate.check_at = None
        aggregate.applied = self.applied
        aggregate.surplus = self.surplus
        aggregate.refunded = 0
