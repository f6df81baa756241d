"""All that clients may do to a subscription and to an invoice, with bodies that fit and bodies that do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from commands.invoice.correct import IssueCreditNote, VoidInvoice, WriteOffInvoice, credit_note, void, write_off
from commands.invoice.create import AddLines, add_lines
from commands.invoice.finalize import finalize_draft
from commands.invoice.pay import ChargeInvoice, RecordPayment, pay
from commands.subscription.cancel import CancelSubscription, cancel, uncancel
from commands.subscription.change import ChangeSubscription, change
from commands.subscription.change_scheduled import withdraw_change
from commands.subscription.discounts import ApplyCoupon, RemoveCoupon, apply_coupon, remove_coupon
from commands.subscription.pause import PauseSubscription, pause, resume
from commands.subscription.renew import RenewSubscription, renew
from commands.subscription.trial import SetTrialEnd, set_trial_end
from commands.unit import Unit
from domain.errors import Refusal, WrongState
from domain.event import Aggregate
from tests.unit.commands.desk import Desk

Body = dict[str, Any]


class Nothing(BaseModel):
    """A command without a body."""


@dataclass(frozen=True)
class Deed:
    """``bodies`` may name instants as days from now: ``at: 10``."""

    handler: Callable[[Unit, str, Any], Aggregate]
    request: type[BaseModel]
    bodies: Sequence[Body] = ({},)


ON_SUBSCRIPTION: dict[str, Deed] = {
    "change": Deed(
        change,
        ChangeSubscription,
        (
            {"price": "plus"}, {"price": "basic"}, {"price": "yearly"}, {"price": "weekly"}, {"price": "tried"},
            {"price": "terminal"}, {"price": "arrears"}, {"price": "dollars"}, {"price": "nothing"},
            {"price": "dollars", "at": "period_end"}, {"price": "plus", "at": "period_end"}, {"price": "basic", "at": -9},
            {"price": "plus", "at": 9}, {"quantity": "3"}, {"quantity": "1"}, {"quantity": "2", "at": -3},
            {"quantity": "1000000000"}, {"add_ons": [{"id": "disk", "price": "storage"}]}, {"add_ons": []},
            {"add_ons": [{"id": "base", "price": "storage"}]}, {"billing_day": 15}, {"billing_day": 31, "price": "basic"},
        ),
    ),
    "withdraw_change": Deed(lambda unit, id, _: withdraw_change(unit, id), Nothing),
    "cancel": Deed(
        cancel,
        CancelSubscription,
        ({"at": "now"}, {"at": "now", "credit": True}, {"at": "period_end"}, {"at": 12}, {"at": 12, "credit": True},
         {"at": -5, "credit": True}, {"at": -5}),
    ),
    "uncancel": Deed(lambda unit, id, _: uncancel(unit, id), Nothing),
    "pause": Deed(
        pause,
        PauseSubscription,
        ({}, {"billing": "continued"}, {"entitlements": "kept"}, {"resumes_at": 5}, {"resumes_at": 40}, {"resumes_at": -1}),
    ),
    "resume": Deed(lambda unit, id, _: resume(unit, id), Nothing),
    "renew": Deed(renew, RenewSubscription, ({}, {"periods": 2})),
    "apply_coupon": Deed(
        apply_coupon,
        ApplyCoupon,
        ({"coupon": "tenth"}, {"coupon": "once"}, {"coupon": "off"}, {"coupon": "off", "item": "disk"}, {"coupon": "nothing"}),
    ),
    "remove_coupon": Deed(remove_coupon, RemoveCoupon, ({"coupon": "tenth"}, {"coupon": "once"}, {"coupon": "off"})),
    "set_trial_end": Deed(set_trial_end, SetTrialEnd, ({}, {"trial_ends_at": 4}, {"trial_ends_at": -4})),
}  # fmt: skip
# The verb of the table of states that each of them is; what is not here depends on more than the state.
VERBS = {"apply_coupon": "discount", "remove_coupon": "discount"} | {
    name: name for name in ("change", "cancel", "pause", "renew", "set_trial_end")
}

_SOME = {"description": "Installation", "amount": 700}
ON_INVOICE: dict[str, Deed] = {
    "add_lines": Deed(add_lines, AddLines, ({"lines": [_SOME]}, {"lines": [{**_SOME, "amount": -300}]})),
    "finalize": Deed(lambda unit, id, _: finalize_draft(unit, id), Nothing),
    "charge": Deed(pay, ChargeInvoice, ({"kind": "charge"},)),
    "record_payment": Deed(
        pay,
        RecordPayment,
        tuple({"kind": "recorded", "amount": {"amount": amount, "currency": "EUR"}} for amount in (0, 1, 3100, 9000)),
    ),
    "issue_credit_note": Deed(
        credit_note,
        IssueCreditNote,
        tuple({"lines": [{"line": line, "amount": amount}], "reason": "Outage"} for line in (1, 2) for amount in (1, 900, 3100)),
    ),
    "void": Deed(void, VoidInvoice, ({"reason": "Wrong"}, {"reason": "Wrong", "rebill": True})),
    "write_off": Deed(write_off, WriteOffInvoice, ({"reason": "Insolvent"},)),
}


def stock(desk: Desk) -> None:
    """All that the bodies name, and more to start with."""
    desk.price("yearly", 36500, unit="year")
    desk.price("weekly", 700, unit="week")
    desk.price("storage", 310)
    desk.price("dollars", 3300, currency="USD")
    desk.price("tried", 3100, trial_days=14)
    desk.price("paid-trial", 3100, trial_days=14, trial_fee=500)
    desk.price("terminal", 3100, term_periods=2)
    fee = {"id": "fee", "name": "Fee", "pricing": {"model": "flat", "amount": 3100}, "due": "in_arrears"}
    setup = {"id": "setup", "name": "Setup", "kind": "one_off", "pricing": {"model": "flat", "amount": 900}}
    desk.price("arrears", None, charges=[fee, setup])
    half = {**fee, "pricing": {"model": "flat", "amount": 1550}, "due": "in_advance"}
    phase = {"id": "intro", "lasts": {"unit": "month", "count": 2}, "charges": [half]}
    desk.price("phased", 3100, phases=[phase])
    desk.coupon("tenth", percent="10")
    desk.coupon("once", percent="50", periods=1)
    desk.coupon("off", amount={"amount": 500, "currency": "EUR"}, periods=3)


def do(desk: Desk, deed: Deed, id: str, body: Body) -> Refusal | None:
    """What it was refused for, and then nothing was said; None: it is done, and what it made due at this very instant as well."""
    days = {name: body[name] for name in ("at", "resumes_at", "trial_ends_at") if isinstance(body.get(name), int)}
    instants = {name: desk.now + timedelta(days=number) for name, number in days.items()}
    request = deed.request.model_validate(body | instants)
    said = len(desk.said)
    try:
        desk.client(lambda unit: deed.handler(unit, id, request), desk.ada, may_backdate=True)
    except Refusal as refusal:
        assert len(desk.said) == said
        return refusal
    desk.until(desk.now)
    return None


def has_reason(refusal: Refusal, allowed: tuple[str, ...], meanwhile: tuple[str, ...] = ()) -> bool:
    """Whether it says what may be done instead, ``meanwhile`` where a charge is under way, or what of the request is at fault."""
    if refusal.code == "payment_in_progress":
        allowed = meanwhile
    return refusal.allowed == tuple(sorted(allowed)) if isinstance(refusal, WrongState) else bool(refusal.pointer)
