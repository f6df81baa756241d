"""The transition table: which state follows which, by which event. The documentation draws it from here."""

from __future__ import annotations

from typing import Literal

from domain.errors import WrongState

State = Literal["trial", "active", "grace", "suspended", "cancelled", "expired"]

ENDED: frozenset[State] = frozenset({"cancelled", "expired"})

# (from, what happens) → to. What is not here cannot happen.
TRANSITIONS: dict[tuple[State, str], State] = {
    ("trial", "activate"): "active",
    ("trial", "cancel"): "cancelled",
    ("trial", "set_trial_end"): "trial",
    ("trial", "change"): "trial",
    ("active", "change"): "active",
    ("grace", "change"): "grace",
    ("trial", "discount"): "trial",
    ("trial", "transfer"): "trial",
    ("active", "pause"): "active",
    ("active", "renew"): "active",
    ("active", "discount"): "active",
    ("active", "transfer"): "active",
    ("grace", "pause"): "grace",
    ("grace", "renew"): "grace",
    ("grace", "discount"): "grace",
    ("suspended", "renew"): "suspended",
    ("suspended", "discount"): "suspended",
    ("active", "enter_grace"): "grace",
    ("active", "cancel"): "cancelled",
    ("active", "expire"): "expired",
    # Only to withdraw access, where a later charge failed before the very first one did.
    ("grace", "enter_grace"): "grace",
    ("grace", "reinstate"): "active",
    ("grace", "suspend"): "suspended",
    ("grace", "cancel"): "cancelled",
    ("grace", "expire"): "expired",
    ("suspended", "reinstate"): "active",
    ("suspended", "cancel"): "cancelled",
    ("suspended", "expire"): "expired",
}


def allowed(state: State) -> tuple[str, ...]:
    """What may happen to a subscription in this state."""
    return tuple(sorted(verb for (source, verb) in TRANSITIONS if source == state))


def check(state: State, verb: str) -> State:
    """The state that follows; raises WrongState with what is allowed instead."""
    try:
        return TRANSITIONS[state, verb]
    except KeyError:
        raise WrongState(
            "wrong_subscription_state", f"A subscription that is {state} cannot {verb.replace('_', ' ')}.", allowed(state)
        ) from None
