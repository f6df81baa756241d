"""What every payment provider's gateway must do. Subclass it for each provider, in ``test_<provider>.py``.

Asked of a provider here is what the ledger rests on: once for each key, final means final, and an unknown outcome is settled by
the same key. Tokens that lead to each outcome, and the provider's own count of the money, are the subclass's.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any, TypeVar

from commands.ports import Captured, ChargeOutcome, Declined, Gateway, Unknown
from domain.money import Money

TEN_EUROS = Money(amount=1000, currency="EUR")

_T = TypeVar("_T")


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


class GatewayContract(ABC):
    """Each test gets fresh keys and accounts; the provider may keep its state between tests."""

    @abstractmethod
    def gateway(self) -> Gateway:
        """The gateway under test, the same throughout one test."""

    @abstractmethod
    def taken(self, account: str) -> dict[str, int]:
        """The money that the provider itself says it took from an account, in minor units by currency."""

    @abstractmethod
    def good_token(self) -> str:
        """A token whose every charge is captured at once."""

    @abstractmethod
    def declined_token(self) -> str:
        """A token whose every charge is finally refused."""

    @abstractmethod
    def unanswered_token(self, *, captured: bool) -> str:
        """A token whose charge gets no answer at first, though the money was taken (or was not); asked again, it is captured."""

    def charge(self, key: str, token: str, account: str = "cus_1", amount: Money = TEN_EUROS) -> ChargeOutcome:
        return run(self.gateway().charge(key=key, token=token, account=account, amount=amount))

    def test_a_charge_takes_exactly_what_was_asked_for(self) -> None:
        for number, (amount, currency) in enumerate([(1, "EUR"), (999_999, "JPY"), (1234, "EUR")]):
            outcome = self.charge(f"exact-{number}", self.good_token(), "cus_exact", Money(amount=amount, currency=currency))
            assert isinstance(outcome, Captured)
            assert outcome.amount == amount
        assert self.taken("cus_exact") == {"EUR": 1235, "JPY": 999_999}

    def test_the_same_key_charges_once(self) -> None:
        # when a captured charge is sent again, and again
        outcomes = [self.charge("once", self.good_token(), "cus_once") for _ in range(3)]
        # then each answer is the first one, and the money moved once
        assert isinstance(outcomes[0], Captured)
        assert outcomes == [outcomes[0]] * 3
        assert self.taken("cus_once") == {"EUR": 1000}

    def test_the_same_key_at_the_same_time_charges_once(self) -> None:
        async def race() -> list[ChargeOutcome]:
            call = {"key": "race", "token": self.good_token(), "account": "cus_race"}
            return await asyncio.gather(*(self.gateway().charge(**call, amount=TEN_EUROS) for _ in range(8)))

        outcomes = run(race())
        # an answer may be missing while the first call runs, but two answers never differ
        assert len({outcome for outcome in outcomes if isinstance(outcome, Captured)}) == 1
        assert not any(isinstance(outcome, Declined) for outcome in outcomes)
        assert self.taken("cus_race") == {"EUR": 1000}

    def test_another_key_is_another_charge(self) -> None:
        first, second = (self.charge(key, self.good_token(), "cus_two") for key in ("first", "second"))
        assert isinstance(first, Captured)
        assert isinstance(second, Captured)
        assert first.reference != second.reference
        assert self.taken("cus_two") == {"EUR": 2000}

    def test_declined_is_final_for_its_key(self) -> None:
        outcomes = [self.charge("refused", self.declined_token(), "cus_refused") for _ in range(3)]
        assert isinstance(outcomes[0], Declined)
        assert outcomes[0].code
        assert outcomes == [outcomes[0]] * 3
        assert self.taken("cus_refused") == {}

    def test_an_unknown_outcome_is_settled_by_the_same_key(self) -> None:
        for captured in (True, False):
            # given a charge without an answer
            key, account, token = f"lost-{captured}", f"cus_lost_{captured}", self.unanswered_token(captured=captured)
            assert self.charge(key, token, account) == Unknown()
            assert self.taken(account) == ({"EUR": 1000} if captured else {})
            # when it is sent again with its key
            outcome = self.charge(key, token, account)
            # then its final outcome is known, and stays
            assert isinstance(outcome, Captured)
            assert self.charge(key, token, account) == outcome
            assert self.taken(account) == {"EUR": 1000}

    def test_a_key_used_for_something_else_moves_no_money_and_refuses_nothing(self) -> None:
        """Declined would say that nothing was taken under this key, and that another charge may be tried."""
        # given a captured charge
        first = self.charge("reused", self.good_token(), "cus_reused")
        # when its key comes with another amount, currency, account or token
        for account, money, token in (
            ("cus_reused", Money(amount=1001, currency="EUR"), self.good_token()),
            ("cus_reused", Money(amount=1000, currency="USD"), self.good_token()),
            ("cus_other", TEN_EUROS, self.good_token()),
            ("cus_reused", TEN_EUROS, self.declined_token()),
        ):
            assert self.charge("reused", token, account, money) == Unknown()
        # then nothing moved, and the key still gives what it gave
        assert self.taken("cus_reused") == {"EUR": 1000}
        assert self.taken("cus_other") == {}
        assert self.charge("reused", self.good_token(), "cus_reused") == first
