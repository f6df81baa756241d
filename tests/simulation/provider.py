"""A payment provider that keeps its own book and answers late, twice, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from commands.ports import ChargeOutcome, Unknown
from domain.money import Money
from infra.psp import script
from tests.simulation.kernel import Kernel


@dataclass(slots=True)
class Charge:
    """What the book has on one key. ``captures`` counts how often money moved, ``mismatches`` calls with other parameters."""

    account: str
    token: str
    amount: Money
    word: str
    calls: int = 0
    captures: int = 0
    mismatches: int = 0


class Provider:
    """``on_call`` hears of each call as it arrives, with its key."""

    def __init__(self, kernel: Kernel, on_call: Callable[[str], None]) -> None:
        self.book: dict[str, Charge] = {}
        self._kernel = kernel
        self._on_call = on_call

    async def charge(self, *, key: str, token: str, account: str, amount: Money) -> ChargeOutcome:
        await asyncio.sleep(self._kernel.latency(0.02))
        outcome = self._enter(key, token, account, amount)
        await asyncio.sleep(self._kernel.latency(0.02))
        return Unknown() if self._kernel.chance(0.05) else outcome

    def _enter(self, key: str, token: str, account: str, amount: Money) -> ChargeOutcome:
        self._on_call(key)
        charge = self.book.get(key)
        if charge is None:
            before = sum(other.account == account and other.token == token for other in self.book.values())
            charge = self.book[key] = Charge(account, token, amount, script.word(token, before + 1))
        if (charge.account, charge.token, charge.amount) != (account, token, amount):
            charge.mismatches += 1
            return Unknown()
        charge.calls += 1
        charge.captures += script.moves_money(charge.word, charge.calls)
        return script.answer(charge.word, charge.calls, f"ref-{key}", amount)
