"""The simulated provider without its file: it plays the tokens' scripts, and keeps its own book by idempotency key."""

from __future__ import annotations

from collections import Counter

from commands.ports import ChargeOutcome
from domain.money import Money
from domain.payment.aggregate import Payment
from infra.psp import script


class Provider:
    """``asked``: what was to be charged under each key; ``taken``: what was."""

    def __init__(self) -> None:
        self.asked: dict[str, Money] = {}
        self.taken: dict[str, Money] = {}
        self._words: dict[str, str] = {}
        self._calls: Counter[str] = Counter()
        self._charges: Counter[tuple[str, str]] = Counter()

    def charge(self, payment: Payment) -> ChargeOutcome:
        """Send the payment's running attempt, again where it was sent before."""
        assert payment.attempt is not None
        assert payment.attempt.method is not None
        key, token, amount = payment.attempt.key, payment.attempt.method.token, payment.attempt.amount
        if key not in self.asked:
            self._charges[payment.customer, token] += 1
            self._words[key] = script.word(token, self._charges[payment.customer, token])
            self.asked[key] = amount
        assert self.asked[key] == amount, "a key means one charge"
        self._calls[key] += 1
        if script.moves_money(self._words[key], self._calls[key]):
            self.taken[key] = amount
        return script.answer(self._words[key], self._calls[key], f"ref-{key}", amount)
