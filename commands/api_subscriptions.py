"""Commands on subscriptions."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from commands.api_docs import answered
from commands.api_render import answer_headers
from commands.api_route import Call, Nothing, Order, Outcome, command, named, on
from commands.ports import Answer, Ledger
from commands.subscription.cancel import CancelSubscription, cancel, uncancel
from commands.subscription.change import ChangeSubscription, change
from commands.subscription.change_scheduled import withdraw_change
from commands.subscription.discounts import ApplyCoupon, RemoveCoupon, apply_coupon, remove_coupon
from commands.subscription.pause import PauseSubscription, pause, resume
from commands.subscription.renew import RenewSubscription, renew
from commands.subscription.start import StartSubscription, start
from commands.subscription.transfer import TransferSubscription, rehearse_transfer, request_transfer
from commands.subscription.trial import SetTrialEnd, set_trial_end
from domain.ids import CUSTOMER, SUBSCRIPTION
from domain.subscription.aggregate import Subscription
from infra.http import resources
from infra.http.problems import FieldError, Problem


@command(
    "/v1/subscriptions",
    "Start a subscription",
    tag="Subscriptions",
    body=TypeAdapter(StartSubscription),
    example={"customer": "cus_0123456789abcdef0123456789ab", "price": "gold-monthly-eur"},
    returns=answered(resources.Subscription),
    status=201,
    keyed=True,
)
def start_subscription(call: Call[StartSubscription]) -> Order:
    """The subscription is in trial or active, with access; its first charge follows. Dates in the past need `backdate`."""
    body = call.body
    return Order(lambda unit: start(unit, body), home=named(body.customer, CUSTOMER, "/customer"))


@command(
    "/v1/subscriptions/{id}/cancel",
    "Cancel a subscription",
    tag="Subscriptions",
    body=TypeAdapter(CancelSubscription),
    example={"at": "period_end"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def cancel_subscription(call: Call[CancelSubscription]) -> Order:
    """`now` ends access at once; `period_end` with the trial or the period that runs; an instant then. What is open stays owed;
    with `credit` what was paid for later goes to the account.
    """
    return on(SUBSCRIPTION, call, lambda unit, id: cancel(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/uncancel",
    "Withdraw a scheduled cancellation",
    tag="Subscriptions",
    body=TypeAdapter(Nothing),
    example={},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def uncancel_subscription(call: Call[Nothing]) -> Order:
    """The subscription goes on as if no end had been scheduled."""
    return on(SUBSCRIPTION, call, uncancel)


@command(
    "/v1/subscriptions/{id}/change",
    "Change what a subscription sells",
    tag="Subscriptions",
    body=TypeAdapter(ChangeSubscription),
    example={"price": "gold-yearly-eur", "at": "period_end"},
    returns=answered(resources.Subscription),
    keyed=True,
    must_match=True,
    of="The subscription.",
)
def change_subscription(call: Call[ChangeSubscription]) -> Order:
    """Another price, quantity, add-ons or billing day. What that takes back and what is owed instead stands on one invoice; what
    is left below nothing goes to the account. At `period_end` or a later instant it is scheduled, instead of what was.
    """
    return on(SUBSCRIPTION, call, lambda unit, id: change(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/withdraw-change",
    "Withdraw a scheduled change",
    tag="Subscriptions",
    body=TypeAdapter(Nothing),
    example={},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def withdraw_subscription_change(call: Call[Nothing]) -> Order:
    """What is sold stays as it is."""
    return on(SUBSCRIPTION, call, withdraw_change)


@command(
    "/v1/subscriptions/{id}/trial",
    "Move a trial's end",
    tag="Subscriptions",
    body=TypeAdapter(SetTrialEnd),
    example={"trial_ends_at": "2026-12-24T00:00:00Z"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def set_subscription_trial_end(call: Call[SetTrialEnd]) -> Order:
    """Later or sooner; without an instant the trial is converted now, and the first period billed."""
    return on(SUBSCRIPTION, call, lambda unit, id: set_trial_end(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/pause",
    "Pause a subscription",
    tag="Subscriptions",
    body=TypeAdapter(PauseSubscription),
    example={"resumes_at": "2026-12-24T00:00:00Z"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def pause_subscription(call: Call[PauseSubscription]) -> Order:
    """It rests until an instant, or until it is resumed; its state stays. Billing stops or goes on, entitlements are withdrawn or
    kept. What was paid for the rest of the period goes to the account where billing stops.
    """
    return on(SUBSCRIPTION, call, lambda unit, id: pause(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/resume",
    "Resume a subscription",
    tag="Subscriptions",
    body=TypeAdapter(Nothing),
    example={},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def resume_subscription(call: Call[Nothing]) -> Order:
    """It goes on now, and is billed for the rest of the period that runs."""
    return on(SUBSCRIPTION, call, resume)


@command(
    "/v1/subscriptions/{id}/renew",
    "Renew a fixed term",
    tag="Subscriptions",
    body=TypeAdapter(RenewSubscription),
    example={},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def renew_subscription(call: Call[RenewSubscription]) -> Order:
    """The term goes on after its end, for as many periods as it had, or as many as you say."""
    return on(SUBSCRIPTION, call, lambda unit, id: renew(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/apply-coupon",
    "Apply a coupon",
    tag="Subscriptions",
    body=TypeAdapter(ApplyCoupon),
    example={"coupon": "spring"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def apply_coupon_(call: Call[ApplyCoupon]) -> Order:
    """Periods that begin from now on cost less. A coupon counts once for a subscription."""
    return on(SUBSCRIPTION, call, lambda unit, id: apply_coupon(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/remove-coupon",
    "Remove a coupon",
    tag="Subscriptions",
    body=TypeAdapter(RemoveCoupon),
    example={"coupon": "spring"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    of="The subscription.",
)
def remove_coupon_(call: Call[RemoveCoupon]) -> Order:
    """Periods that begin from now on cost what they do without it."""
    return on(SUBSCRIPTION, call, lambda unit, id: remove_coupon(unit, id, call.body))


@command(
    "/v1/subscriptions/{id}/transfer",
    "Transfer a subscription to another customer",
    tag="Subscriptions",
    body=TypeAdapter(TransferSubscription),
    example={"customer": "cus_0123456789abcdef0123456789ab"},
    returns=answered(resources.Subscription),
    keyed=True,
    conditional=True,
    pending=True,
    of="The subscription.",
)
def transfer_subscription(call: Call[TransferSubscription]) -> Order:
    """It ends here and goes on there as another one (`transfer.subscription`), at the same prices, on the same billing days. What
    was paid for later goes to the account here, and is owed there. Both customers are of one storefront. 202 where the other
    side has not answered in time: until then nothing falls due, and it cannot be changed. A replay answers with how it is then.
    """
    named(call.body.customer, CUSTOMER, "/customer")
    handler = rehearse_transfer if call.dry_run else request_transfer
    order = on(SUBSCRIPTION, call, lambda unit, id: handler(unit, id, call.body))

    async def outcome(ledger: Ledger, answer: Answer) -> Outcome:
        assert isinstance(answer.target, Subscription)
        found, position = await ledger.settled(answer.target, call.sender.wait_s)
        return _transferred(answer, found, position)

    return replace(order, outcome=outcome)


def _transferred(answer: Answer, found: Subscription, position: str) -> Outcome:
    """What became of the transfer by now."""
    assert isinstance(answer.target, Subscription)
    assert answer.target.transfer is not None
    refusal = found.failed_transfers.get(answer.target.transfer.subscription)
    if refusal is not None:
        code, detail = refusal.replace("_", "-"), "The customer cannot have it."
        error = FieldError(location="body", pointer="/customer", code=refusal, detail=detail)
        headers = answer_headers(answer, found, located=False, position=position)
        raise Problem(422, code, "The transfer was refused", detail, errors=[error], headers=headers)
    return Outcome(found, 202 if found.transferring else 200, position)


ROUTES = (
    start_subscription,
    cancel_subscription,
    uncancel_subscription,
    change_subscription,
    withdraw_subscription_change,
    set_subscription_trial_end,
    pause_subscription,
    resume_subscription,
    renew_subscription,
    apply_coupon_,
    remove_coupon_,
    transfer_subscription,
)
