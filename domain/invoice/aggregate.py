"""The receivable decides what is still owed; it is paid when its open amount is 0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from domain.errors import RuleViolated, WrongState
from domain.event import Aggregate
from domain.invoice import events
from domain.invoice.events import CreditedLine, Line, State

# In which states of an invoice each thing may be done to it. What was issued is never edited; money that came is always taken in.
MAY: dict[str, frozenset[State]] = {
    "add_lines": frozenset({"draft"}),
    "finalize": frozenset({"draft"}),
    "charge": frozenset({"open"}),
    "record_payment": frozenset({"open", "paid", "uncollectible", "void"}),
    "issue_credit_note": frozenset({"open", "paid"}),
    "void": frozenset({"draft", "open", "paid"}),
    "write_off": frozenset({"open"}),
}


class Invoice(Aggregate):
    """Amounts in minor units of ``currency``; ``applied`` lists (payment, amount, applied at) in order; ``noted`` what credit
    notes gave up, by line, of which ``to_account`` went to the account; ``written_off`` what nobody expects any more.

    Always: open = total - Σ applied - credit applied + credited - (Σ noted - to account) - written off; 0 where it is void.
    """

    TOPIC = "invoice"
    if TYPE_CHECKING:
        tenant: str
        customer: str
        subscriptions: tuple[str, ...]
        storefront: str
        state: State
        ordinal: int
        number: str | None
        currency: str
        lines: tuple[Line, ...]
        total: int
        credit_applied: int
        credited: int
        open: int
        drafted_at: datetime | None
        finalizes_at: datetime | None
        issued_at: datetime | None
        due_at: datetime | None
        paid_at: datetime | None
        applied: tuple[tuple[str, int, datetime], ...]
        noted: tuple[int, ...]
        to_account: int
        credit_notes: tuple[events.InvoiceCreditNoted, ...]
        written_off: int

    @classmethod
    def issue(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        subscriptions: tuple[str, ...],
        storefront: str,
        ordinal: int,
        currency: str,
        lines: tuple[Line, ...],
        credit: int,
        issued_at: datetime,
        due_at: datetime,
        now: datetime,
    ) -> Self:
        """Owe the sum of the lines, less what ``credit`` the account has; a sum below 0 goes to the account."""
        return cls._create(
            events.InvoiceIssued,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            subscriptions=subscriptions,
            storefront=storefront,
            ordinal=ordinal,
            number=_number(customer, ordinal),
            currency=currency,
            lines=lines,
            issued_at=issued_at,
            due_at=due_at,
            **_owed(lines, credit),
        )

    @classmethod
    def draft(
        cls,
        id: str,
        *,
        tenant: str,
        customer: str,
        subscriptions: tuple[str, ...],
        storefront: str,
        currency: str,
        lines: tuple[Line, ...],
        finalizes_at: datetime | None,
        now: datetime,
    ) -> Self:
        """Lay out what will be owed once it is finalized, by itself at an instant or by a client."""
        return cls._create(
            events.InvoiceDrafted,
            id=id,
            timestamp=now,
            tenant=tenant,
            customer=customer,
            subscriptions=subscriptions,
            storefront=storefront,
            currency=currency,
            lines=lines,
            total=sum(line.amount for line in lines),
            drafted_at=now,
            finalizes_at=finalizes_at,
        )

    @property
    def closed(self) -> bool:
        """Nothing will be owed on it any more."""
        return self.state not in ("draft", "open")

    def timers(self) -> tuple[tuple[str, datetime], ...]:
        """``finalize`` makes it of a draft."""
        return (("finalize", self.finalizes_at),) if self.state == "draft" and self.finalizes_at is not None else ()

    @property
    def allowed(self) -> tuple[str, ...]:
        """What may be done to it."""
        return tuple(verb for verb, states in MAY.items() if self.state in states and (verb != "void" or not self._given))

    @property
    def allowed_meanwhile(self) -> tuple[str, ...]:
        """What of that may be done while a charge is under way."""
        return tuple(verb for verb in self.allowed if verb not in ("charge", "void", "write_off"))

    @property
    def _given(self) -> bool:
        """Whether something was paid on it, or given by it: it cannot be as if it had never been."""
        return bool(self.applied or self.credited or self.credit_notes)

    def check(self, verb: str) -> None:
        """Raises WrongState, with what is allowed, where its state does not allow this."""
        if self.state not in MAY[verb]:
            raise WrongState(f"invoice_{self.state}", f"The invoice is {self.state}.", self.allowed)

    def split(self, amount: int) -> tuple[int, int]:
        """How much of an amount this invoice takes, of what is open or was written off, and how much is surplus."""
        applied = min(amount, self.open + self.written_off)
        return applied, amount - applied

    def left(self, line: int) -> int:
        """What of a line, by its number from 0, no credit note gave up yet."""
        return max(0, self.lines[line].amount - self.noted[line])

    def add_lines(self, lines: tuple[Line, ...], now: datetime) -> None:
        """Lay out more; raises WrongState where it is no draft."""
        self.check("add_lines")
        all_lines = (*self.lines, *lines)
        total = sum(line.amount for line in all_lines)
        self.trigger_event(events.InvoiceLinesAdded, timestamp=now, lines=all_lines, total=total)

    def finalize(self, *, ordinal: int, credit: int, due_at: datetime, now: datetime) -> None:
        """Issue the draft; raises WrongState where it is none."""
        self.check("finalize")
        self.trigger_event(
            events.InvoiceFinalized,
            timestamp=now,
            ordinal=ordinal,
            number=_number(self.customer, ordinal),
            issued_at=now,
            due_at=due_at,
            **_owed(self.lines, credit),
        )

    def apply_payment(self, payment: str, amount: int, applied_at: datetime, now: datetime) -> None:
        """Take ``amount``, which is not more than what is open, or was written off."""
        if self.state == "uncollectible":
            self._recover(payment, amount, applied_at, now)
            return
        assert self.state == "open"
        assert 0 < amount <= self.open, (amount, self.open)
        remains = self.open - amount
        self.trigger_event(
            events.InvoicePaymentApplied,
            timestamp=now,
            payment=payment,
            amount=amount,
            open=remains,
            settled=remains == 0,
            applied_at=applied_at,
        )
        self._balance()

    def _recover(self, payment: str, amount: int, recovered_at: datetime, now: datetime) -> None:
        assert 0 < amount <= self.written_off, (amount, self.written_off)
        remains = self.written_off - amount
        self.trigger_event(
            events.InvoiceRecovered,
            timestamp=now,
            payment=payment,
            amount=amount,
            written_off=remains,
            settled=remains == 0,
            recovered_at=recovered_at,
        )
        self._balance()

    def credit_note(self, lines: Sequence[CreditedLine], reason: str, now: datetime) -> int:
        """Give up parts of lines: of what is open first, the rest goes to the account. Gives that rest.

        Raises WrongState where the invoice is none that is owed or was paid, RuleViolated where a line has not so much left.
        """
        self.check("issue_credit_note")
        amount = sum(each.amount for each in lines)
        for number, each in enumerate(lines):
            so_far = sum(other.amount for other in lines[: number + 1] if other.line == each.line)
            if each.line > len(self.lines) or so_far > self.left(each.line - 1):
                left = self.left(each.line - 1) if each.line <= len(self.lines) else 0
                raise RuleViolated("more_than_billed", f"Line {each.line} has {left} left.", f"/lines/{number}/amount")
        # What discounts took off was never owed, and what the lines gave back is not given back twice.
        if amount > (limit := max(0, self.total - sum(self.noted))):
            raise RuleViolated("more_than_billed", f"The invoice has {limit} left.", "/lines")
        of_open = min(amount, self.open)
        self.trigger_event(
            events.InvoiceCreditNoted,
            timestamp=now,
            number=f"{self.number}-C{len(self.credit_notes) + 1}",
            lines=tuple(lines),
            amount=amount,
            to_account=amount - of_open,
            open=self.open - of_open,
            settled=self.open == of_open,
            reason=reason,
            noted_at=now,
        )
        self._balance()
        return amount - of_open

    def void(self, reason: str, now: datetime) -> int:
        """It was wrong, and is owed no more. Gives what of the account's credit goes back. Raises WrongState where something was
        paid on it, or given by it: a credit note is the way then.
        """
        self.check("void")
        if self._given:
            raise WrongState("invoice_settled", "It has payments or credits: issue a credit note instead.", self.allowed)
        returned = self.credit_applied
        self.trigger_event(events.InvoiceVoided, timestamp=now, credit_returned=returned, reason=reason, voided_at=now)
        return returned

    def write_off(self, reason: str, now: datetime) -> None:
        """Give up hope of what is open; raises WrongState where nothing is."""
        self.check("write_off")
        self.trigger_event(events.InvoiceWrittenOff, timestamp=now, amount=self.open, reason=reason, written_off_at=now)
        self._balance()

    def _balance(self) -> None:
        settled = sum(taken for _, taken, _ in self.applied) + self.credit_applied - self.credited
        given_up = sum(self.noted) - self.to_account + self.written_off
        assert self.open + settled + given_up == self.total


def due_after(issued_at: datetime, days: int) -> datetime:
    """The due date by payment terms of so many days."""
    return issued_at + timedelta(days=days)


def _number(customer: str, ordinal: int) -> str:
    return f"{customer[4:16].upper()}-{ordinal:04d}"


def _owed(lines: Sequence[Line], credit: int) -> dict[str, int | bool]:
    total = sum(line.amount for line in lines)
    credit_applied = min(credit, max(total, 0))
    remains = max(total, 0) - credit_applied
    return {
        "total": total, "credit_applied": credit_applied, "credited": max(-total, 0), "open": remains, "settled": remains == 0
    }  # fmt: skip
