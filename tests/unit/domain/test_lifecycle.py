"""The transition table, and that the aggregate does what it says: every pair of state and verb, allowed or refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import get_args

import pytest

from domain.catalog.policy import DunningPolicy
from domain.errors import WrongState
from domain.pricing.discounts import Discount
from domain.subscription import lifecycle
from domain.subscription.aggregate import Subscription
from domain.subscription.lifecycle import ENDED, TRANSITIONS, State
from domain.subscription.values import Pause, Transfer
from tests.unit.domain.make import CUSTOMER, INVOICE, SUBSCRIPTION, at, subscription
from tests.unit.domain.scenario import taken

NOW = at("2026-01-20")
STATES: tuple[State, ...] = get_args(State)
VERBS: dict[str, Callable[[Subscription], None]] = {
    "activate": lambda s: s.activate(NOW),
    "enter_grace": lambda s: s.enter_grace(INVOICE, NOW),
    "suspend": lambda s: s.suspend(INVOICE, DunningPolicy(), NOW),
    "reinstate": lambda s: s.reinstate(NOW),
    "cancel": lambda s: s.cancel(NOW, NOW),
    "expire": lambda s: s.expire(NOW),
    "set_trial_end": lambda s: s.set_trial_end(at("2026-02-01"), NOW),
    "change": lambda s: s.change(s.sale.agreements[-1].items, NOW, NOW, trial_ends_at=s.trial_ends_at),
    "pause": lambda s: s.rest(Pause(paused_at=NOW, resumes_at=None, billing="stopped", entitlements="kept"), NOW),
    "renew": lambda s: s.renew(12, NOW),
    "discount": lambda s: s.discount(Discount(id="spring", name="Spring", percent=Decimal(10), since=NOW), NOW),
    "transfer": lambda s: s.request_transfer(Transfer(customer=CUSTOMER, subscription=SUBSCRIPTION, at=NOW), NOW),
}
# How a subscription gets into each state from its start.
WAY_TO: dict[State, tuple[str, ...]] = {
    "trial": (),
    "active": ("activate",),
    "grace": ("activate", "enter_grace"),
    "suspended": ("activate", "enter_grace", "suspend"),
    "cancelled": ("cancel",),
    "expired": ("activate", "expire"),
}


def in_state(state: State) -> Subscription:
    """A subscription with a trial and a fixed term, in a state."""
    sold = subscription(trial_days=14, term_periods=12)
    for verb in WAY_TO[state]:
        VERBS[verb](sold)
    assert sold.state == state
    taken(sold)
    return sold


def test_the_table_names_only_verbs_and_states_that_there_are() -> None:
    assert {verb for _, verb in TRANSITIONS} == set(VERBS)
    assert {source for source, _ in TRANSITIONS} | set(TRANSITIONS.values()) == set(STATES)


def test_nothing_follows_an_end() -> None:
    assert frozenset(state for state in STATES if not lifecycle.allowed(state)) == ENDED


@pytest.mark.parametrize(("state", "verb"), TRANSITIONS, ids=" ".join)
def test_an_allowed_verb_leads_where_the_table_says(state: State, verb: str) -> None:
    sold = in_state(state)
    VERBS[verb](sold)
    assert sold.state == TRANSITIONS[state, verb]
    assert len(taken(sold)) == 1


@pytest.mark.parametrize(("state", "verb"), [pair for pair in product(STATES, VERBS) if pair not in TRANSITIONS], ids=" ".join)
def test_any_other_verb_is_refused_and_changes_nothing(state: State, verb: str) -> None:
    sold = in_state(state)
    before = dict(sold.__dict__)
    with pytest.raises(WrongState) as refused:
        VERBS[verb](sold)
    assert refused.value.code == "wrong_subscription_state"
    assert refused.value.allowed == lifecycle.allowed(state)
    assert sold.__dict__ == before
    assert not taken(sold)


@pytest.mark.parametrize("state", STATES)
def test_a_scheduled_cancellation_is_allowed_where_a_cancellation_is(state: State) -> None:
    sold = in_state(state)
    if "cancel" in lifecycle.allowed(state):
        sold.cancel_at_period_end(NOW)
        assert sold.state == state  # nothing has happened yet
        return
    with pytest.raises(WrongState):
        sold.cancel_at_period_end(NOW)
