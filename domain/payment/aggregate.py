"""The payment decides what is tried next: one attempt at a time, the next only after the last has a final outcome."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, Self

from domain.customer.events import PaymentMethod
from domain.errors import RuleViolated, WrongState
from domain.event import Aggregate
from domain.money import Money
from domain.payment import events

# How long a provider remembers an idempotency key (Stripe: at least 24 hours).
KEY_LIFE = timedelta(hours=24)
# Waits before an attempt without a known outcome is sent again with its key; the last repeats while the key lives.
CHECK_AFTER_S = (60, 300, 1800, 3600)
# The waits after failed charges where a storefront names none: one, three, five and seven days.
RETRY_AFTER_S = (86_400, 3 * 86_400, 5 * 86_400, 7 * 86_400)

NO_PAYMENT_METHOD = "no_payment_method"
PAYMENT_IN_PROGRESS = "payment_in_progress"
State = Literal["waiting", "pending", "unknown", "captured", "failed", "abandoned", "recorded"]


class Payment(Aggregate):
    """``attempt`` is the running or last attempt; ``checks`` how often its outcome was found unknown; ``declined`` what was
    refused for good.
    """

    TOPIC = "payment"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        subscription: str | None
        storefront: str
        invoice: str
        purpose: Literal["automatic", "manual", "recorded"]
        amount: Money
        retry_after_s: tuple[int, ...]
        state: State
        attempts: int
        attempt: events.PaymentAttemptStarted | None
        tries: tuple[events.Attempt, ...]
        checks: int
        failure: str | None
        declined: PaymentMethod | None
        retry_at: datetime | None
        check_at: datetime | None
        applied: int
        surplus: int
        refunded: int
        paid_at: datetime | None
        reference: str | None

    @classmethod
    def request(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        subscription: str | None,
        storefront: str,
        invoice: str,
        purpose: Literal["automatic", "manual"],
        amount: Money,
        retry_after_s: tuple[int, ...],
        attempt_at: datetime | None = None,
        now: datetime,
    ) -> Self:
        """Ask for a charge; start its first attempt next, or at an instant."""
        return cls._create(
            events.PaymentRequested,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            subscription=subscription,
            storefront=storefront,
            invoice=invoice,
            purpose=purpose,
            amount=amount,
            retry_after_s=retry_after_s,
            attempt_at=attempt_at,
        )

    @classmethod
    def record(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        subscription: str | None,
        storefront: str,
        invoice: str,
        amount: Money,
        applied: int,
        surplus: int,
        paid_at: datetime,
        reference: str | None,
        now: datetime,
    ) -> Self:
        """Note money that was paid elsewhere."""
        assert applied + surplus == amount.amount
        return cls._create(
            events.PaymentRecorded,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            subscription=subscription,
            storefront=storefront,
            invoice=invoice,
            amount=amount,
            applied=applied,
            surplus=surplus,
            paid_at=paid_at,
            reference=reference,
        )

    @property
    def in_progress(self) -> bool:
        """An attempt runs whose final outcome is not known: nothing else may be tried on the invoice."""
        return self.state in ("pending", "unknown")

    @property
    def open(self) -> bool:
        """Something may still come of it by itself."""
        return self.in_progress or self.state == "waiting"

    def timers(self) -> tuple[tuple[str, datetime], ...]:
        """``retry`` starts the next attempt; ``check`` sends the same attempt again."""
        found = (("retry", self.retry_at), ("check", self.check_at))
        return tuple((kind, due) for kind, due in found if due is not None)

    def start_attempt(self, method: PaymentMethod | None, amount: int, now: datetime) -> None:
        """Begin the next attempt, for what is open now; the provider is called after this is committed.

        Without a method it fails at once.
        """
        self._start_attempt(method, amount, now)
        if method is None:
            self.fail(NO_PAYMENT_METHOD, now)

    def pass_over(self, code: str, amount: int, now: datetime) -> None:
        """Let an attempt of the schedule fail without a call."""
        self._start_attempt(None, amount, now)
        self.fail(code, now)

    def _start_attempt(self, method: PaymentMethod | None, amount: int, now: datetime) -> None:
        assert self.state == "waiting", self.state
        number = self.attempts + 1
        self.trigger_event(
            events.PaymentAttemptStarted,
            timestamp=now,
            attempt=number,
            amount=Money(amount=amount, currency=self.amount.currency),
            key=f"{self.id}-{number}",
            key_expires_at=now + KEY_LIFE,
            method=method,
        )

    def capture(self, reference: str, amount: int, applied: int, surplus: int, now: datetime) -> None:
        """The provider has the money, of which ``applied`` goes to the invoice."""
        assert self.in_progress, self.state
        assert applied + surplus == amount
        self.trigger_event(
            events.PaymentCaptured,
            timestamp=now,
            attempt=self.attempts,
            provider_reference=reference,
            amount=Money(amount=amount, currency=self.amount.currency),
            applied=applied,
            surplus=surplus,
            captured_at=now,
        )

    def fail(self, code: str, now: datetime, *, hard: bool = False) -> None:
        """The attempt is finally refused: wait for the next, or give up where the schedule is used up."""
        assert self.in_progress, self.state
        left = self.retry_after_s[self.attempts - 1 :]
        retry_at = now + timedelta(seconds=left[0]) if left else None
        self.trigger_event(
            events.PaymentAttemptFailed, timestamp=now, attempt=self.attempts, code=code, hard=hard, retry_at=retry_at
        )

    def lose_track(self, now: datetime) -> None:
        """No outcome is known: look again later, while the key lives."""
        assert self.in_progress, self.state
        assert self.attempt is not None
        check = self.checks + 1
        wait = CHECK_AFTER_S[min(check, len(CHECK_AFTER_S)) - 1]
        check_at = now + timedelta(seconds=wait)
        self.trigger_event(
            events.PaymentAttemptUnknown,
            timestamp=now,
            attempt=self.attempts,
            check=check,
            check_at=check_at if check_at < self.attempt.key_expires_at else None,
        )

    def refund(self, amount: Money, reason: str, reference: str | None, now: datetime) -> None:
        """Note that it was paid back; raises WrongState where no money came, RuleViolated for more than is left of it."""
        if self.state not in ("captured", "recorded"):
            raise WrongState(f"payment_{self.state}", f"The payment is {self.state}: there is nothing to pay back.")
        if amount.currency != self.amount.currency:
            raise RuleViolated("other_currency", f"The payment is in {self.amount.currency}.", "/amount/currency")
        left = self.applied + self.surplus - self.refunded
        if not 0 < amount.amount <= left:
            raise RuleViolated("more_than_paid", f"Of the payment {left} are left.", "/amount/amount")
        self.trigger_event(
            events.PaymentRefunded,
            timestamp=now,
            amount=amount,
            refunded=self.refunded + amount.amount,
            reason=reason,
            reference=reference,
            refunded_at=now,
        )

    def abandon(self, cause: events.AbandonedFor, now: datetime) -> None:
        """Make no more attempts."""
        assert self.state == "waiting", self.state
        self.trigger_event(events.PaymentAbandoned, timestamp=now, cause=cause)
