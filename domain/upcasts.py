"""How the stored JSON of an event's older version becomes that of the next."""

from __future__ import annotations

from typing import Any

from domain.catalog.terms import FEE
from domain.subscription.sale import BASE

Value = dict[str, Any]


_BILLING = {
    "proration": {"by": "day", "last_day": "unbilled", "first_period": "prorated", "rounding": "half_up"},
    "billing_day": None,
    "aligned": False,
    "yearly": "billing_day",
    "suspended": "owed",
}


def price_published_to_v2(value: Value) -> Value:
    """A price was an amount a period."""
    return {**value, "terms": _terms(value["terms"])}


def storefront_to_v2(value: Value) -> Value:
    """There were no policies."""
    policy = {"proration": _BILLING["proration"], "yearly": "billing_day", "changed_trial": "first_start", "suspended": "owed"}
    dunning = {"hard_declines": "retry", "give_up_after_days": None, "give_up_by": "cancel"}
    return {**value, "billing": {**policy, "payment_terms_days": 0, "draft_days": 0}, "dunning": dunning}


def started_to_v2(value: Value) -> Value:
    """One thing was sold, once, and every period of it was owed in full."""
    item = {"id": BASE, "terms": _terms(value.pop("terms")), "grants": value["grants"], "quantity": "1", "anchor": None}
    return {**value, "items": [item], "billing": _BILLING}


def without_credit(value: Value) -> Value:
    """Who ended something early was given nothing back."""
    return {**value, "credit": False}


def _terms(value: Value) -> Value:
    return {**value, "charges": [], "phases": [], "trial_fee": 0}


def period_billed_to_billed(value: Value) -> Value:
    """A subscription had one price, and each of its periods an invoice of its own. What decided the price stands in the
    subscription's first event.
    """
    period = {"start": value["period"]["start"], "end": value["period"]["end"]}
    posting = {"item": BASE, "charge": FEE, "agreement": "", **period}
    whole = {"whole_start": period["start"], "whole_end": period["end"]}
    return {
        "timestamp": value["timestamp"],
        "until": period["start"],
        "invoice": value["invoice"],
        "postings": [{**posting, **whole, "amount": value["amount"]["amount"]}],
        "period": period,
    }


def suspended_to_v2(value: Value) -> Value:
    """A suspended subscription was never given up."""
    return {**value, "gives_up_at": None, "gives_up_by": "cancel"}


def reinstated_to_v2(value: Value) -> Value:
    """The next period to bill follows from when it was suspended."""
    return {name: part for name, part in value.items() if name != "next_index"}


def requested_to_v2(value: Value) -> Value:
    """Every charge was due at once."""
    return {**value, "attempt_at": None}


def attempt_failed_to_v2(value: Value) -> Value:
    """Every refusal was tried again."""
    return {**value, "hard": False}


def invoice_issued_to_v2(value: Value) -> Value:
    """An invoice was for one period of one subscription, and there was no credit."""
    subscription = value.pop("subscription")
    sold = {"subscription": subscription, "item": BASE, "charge": FEE}
    lines = [{**line, **sold} for line in value["lines"]]
    return {**value, "subscriptions": [subscription], "lines": lines, "credit_applied": 0, "credited": 0}
