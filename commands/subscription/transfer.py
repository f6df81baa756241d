"""Transfer a subscription to another customer of the same storefront: ended here, started there.

The two live in partitions of their own, perhaps at two nodes, so that no append holds both ends. The request is appended here;
then the other customer's partition is asked, by a command that is done once; then its answer is noted here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel, ConfigDict, Field

from commands.billing import bill_and_charge, bill_change
from commands.command import Command
from commands.unit import Unit
from domain.customer.aggregate import Customer
from domain.errors import RuleViolated
from domain.ids import SUBSCRIPTION, IdSequence
from domain.subscription.aggregate import Subscription
from domain.subscription.values import Former, Handover, Transfer

STEP = "transfer"  # the actor of what follows the request


class TransferSubscription(BaseModel):
    """``customer`` has it from now on."""

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(max_length=64, examples=["cus_0123456789abcdef0123456789ab"])


def request_transfer(unit: Unit, id: str, request: TransferSubscription) -> Subscription:
    """The subscription, whose transfer is pending; raises WrongState where it may not be transferred now."""
    subscription = unit.get(Subscription, id)
    if request.customer == subscription.customer:
        raise RuleViolated("same_customer", "It is this customer's already.", "/customer")
    there = IdSequence(unit.secret, unit.tenant, request.customer, unit.command_id).new(SUBSCRIPTION)
    subscription.request_transfer(Transfer(customer=request.customer, subscription=there, at=unit.now), unit.now)
    return subscription


def rehearse_transfer(unit: Unit, id: str, request: TransferSubscription) -> Subscription:
    """For a dry run: the subscription as it would be once the other customer has it. What that one would owe is not seen here."""
    to = request_transfer(unit, id, request).transfer
    assert to is not None
    return note_answer(unit, id, to, None)


def handover(subscription: Subscription, clock: str | None) -> Handover:
    """What the other customer takes over; ``clock`` is the test clock that this one lives on."""
    sale, to = subscription.sale, subscription.transfer
    assert to is not None
    return Handover(
        tenant=subscription.tenant,
        storefront=subscription.storefront,
        clock=clock,
        to=to,
        state="trial" if subscription.state == "trial" else "active",
        items=sale.agreements[-1].items,
        billing=sale.billing,
        timezone=sale.timezone,
        trial_ends_at=subscription.trial_ends_at,
        anchor=sale.anchor,
        term_ends_at=subscription.term_ends_at,
        discounts=sale.discounts,
        former=Former(
            subscription=subscription.id,
            started_at=sale.started_at,
            agreements=sale.agreements,
            paused=sale.paused,
            unpaid=sale.unpaid,
            skipped=sale.skipped,
            renewed_periods=subscription.renewed_periods,
        ),
    )


def takeover_command(it: Handover) -> Command:
    """What the other customer's partition is asked to do."""
    handler = partial(take_over, handover=it)
    return _step(it.tenant, it.to.customer, it.former.subscription, it.to, handler, "take_over_subscription")


def answer_command(subscription: Subscription, refusal: str | None) -> Command:
    """Notes what came of the transfer that is pending: the code with which it was refused, or None."""
    to = subscription.transfer
    assert to is not None
    handler = partial(note_answer, id=subscription.id, to=to, refusal=refusal)
    return _step(subscription.tenant, subscription.customer, subscription.id, to, handler, "settle_transfer")


def _step(tenant: str, customer: str, source: str, to: Transfer, handler: Callable[[Unit], Subscription], name: str) -> Command:
    """One of the same id at both ends; ``at`` is its time where they live on a test clock."""
    id = f"step:transfer/{source}/{to.subscription}"
    return Command(tenant, customer, id, handler, actor=STEP, at=to.at, name=name)


def take_over(unit: Unit, handover: Handover) -> Subscription:
    """The subscription as it goes on; raises a Refusal where this customer cannot have it."""
    customer = unit.get(Customer, unit.customer_id, "/customer")
    if customer.storefront != handover.storefront:
        raise RuleViolated(
            "other_storefront", f"Customer {customer.id} belongs to storefront {customer.storefront!r}.", "/customer"
        )
    if customer.clock != handover.clock:
        raise RuleViolated("other_test_clock", "Both customers live on the same test clock, or on none.", "/customer")
    subscription = Subscription.take_over(handover, unit.now)
    unit.add(subscription)
    bill_and_charge(unit, subscription)
    return subscription


def note_answer(unit: Unit, id: str, to: Transfer, refusal: str | None) -> Subscription:
    """The subscription, which ends, with what was paid for later given back; or which stays."""
    subscription = unit.get(Subscription, id)
    assert subscription.transferring
    assert subscription.transfer == to
    if refusal is None:
        subscription.end_transferred(unit.now)
        bill_change(unit, subscription, to.at)
    else:
        subscription.fail_transfer(refusal, unit.now)
    return subscription
