"""What a simulated charge does, as its token scripts it: ``sim_`` and words joined by ``_``, such as ``sim_decline_decline_ok``.

The n-th new key of an account with a token takes the n-th word; the last one repeats.

    ok        captured
    decline   refused: insufficient_funds
    expired   refused for good: expired_card
    fraud     refused for good: fraud
    timeout   captured, but the first call gets no answer; the same key again does
    lost      the first call never arrives; the same key again is captured
    unknown   no call is ever answered, and no money moves

Any other token is refused for good: invalid_token.
"""

from __future__ import annotations

from commands.ports import Captured, ChargeOutcome, Declined, Unknown
from domain.money import Money

PREFIX = "sim_"
INVALID_TOKEN = "invalid_token"

_REFUSED = {"decline": "insufficient_funds", "expired": "expired_card", "fraud": "fraud"}
# The call with a key, counted from 1, at which the money moves, and the first one that is answered.
_CAPTURED = {"ok": (1, 1), "timeout": (1, 2), "lost": (2, 2)}
_UNKNOWN = "unknown"
_SOFT = "decline"
WORDS = frozenset({*_REFUSED, *_CAPTURED, _UNKNOWN})


def word(token: str, number: int) -> str:
    """The word for the ``number``-th charge (from 1) with a token; ``invalid_token`` where the token is no script."""
    words = token.removeprefix(PREFIX).split("_")
    if not token.startswith(PREFIX) or not WORDS.issuperset(words):
        return INVALID_TOKEN
    return words[min(number, len(words)) - 1]


def moves_money(word: str, call: int) -> bool:
    """Whether the money moves at this call (from 1) with the charge's key."""
    return word in _CAPTURED and call == _CAPTURED[word][0]


def answer(word: str, call: int, reference: str, amount: Money) -> ChargeOutcome:
    """The answer to this call (from 1) with the charge's key."""
    if word in _CAPTURED and call >= _CAPTURED[word][1]:
        return Captured(reference, amount.amount)
    if word in _CAPTURED or word == _UNKNOWN:
        return Unknown()
    return Declined(_REFUSED.get(word, INVALID_TOKEN), hard=word != _SOFT)
