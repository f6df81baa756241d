"""The simulator: the contract of a gateway, its script, its book."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.ports import Captured, ChargeOutcome, Declined, Gateway, Unknown
from domain.money import Money
from infra.psp import script
from infra.psp.book import BookWriter, Request, read_book
from infra.psp.simulator import Simulator
from tests.contract.psp.gateway_contract import TEN_EUROS, GatewayContract, run

FUNDS = Declined("insufficient_funds")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "simulator.sqlite"


@pytest.fixture
def simulator(path: Path) -> Iterator[Simulator]:
    simulator = Simulator(path)
    yield simulator
    simulator.close()


def charge(simulator: Simulator, key: str, token: str, account: str = "cus_1", amount: Money = TEN_EUROS) -> ChargeOutcome:
    return run(simulator.charge(key=key, token=token, account=account, amount=amount))


class TestSimulator(GatewayContract):
    @pytest.fixture(autouse=True)
    def _opened(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def gateway(self) -> Gateway:
        return self._simulator

    def taken(self, account: str) -> dict[str, int]:
        money: Counter[str] = Counter()
        for entry in self._simulator.book().charges:
            if entry.captured and entry.request.account == account:
                money[entry.request.amount.currency] += entry.request.amount.amount
        return dict(money)

    def good_token(self) -> str:
        return "sim_ok"

    def declined_token(self) -> str:
        return "sim_decline"

    def unanswered_token(self, *, captured: bool) -> str:
        return "sim_timeout" if captured else "sim_lost"


def test_the_nth_new_key_takes_the_nth_word_and_the_last_repeats(simulator: Simulator) -> None:
    # when five charges with keys of their own follow one script
    outcomes = [charge(simulator, f"k{n}", "sim_decline_expired_fraud_ok") for n in range(5)]
    # then each takes its word
    assert outcomes[:3] == [FUNDS, Declined("expired_card", hard=True), Declined("fraud", hard=True)]
    assert all(isinstance(outcome, Captured) for outcome in outcomes[3:])


def test_a_script_goes_on_for_new_keys_of_its_account_and_token_alone(simulator: Simulator) -> None:
    token = "sim_decline_ok"
    assert charge(simulator, "a1", token, "cus_a") == FUNDS
    assert charge(simulator, "a1", token, "cus_a") == FUNDS  # an old key stays where it is
    assert charge(simulator, "b1", token, "cus_b") == FUNDS  # another account is at its first word
    assert charge(simulator, "a2", "sim_decline_decline_ok", "cus_a") == FUNDS  # so is another token
    assert isinstance(charge(simulator, "a3", token, "cus_a"), Captured)


@pytest.mark.parametrize(
    "token", ["", "tok_visa", "sim_", "sim", "ok", "sim_ok_", "sim__ok", "sim_OK", "sim_ok_maybe", "sim_invalid_token"]
)
def test_a_token_that_is_no_script_is_refused(simulator: Simulator, token: str) -> None:
    assert charge(simulator, "k", token) == Declined("invalid_token", hard=True)
    assert simulator.book().captured == {}


def test_unknown_is_never_answered_and_takes_nothing(simulator: Simulator) -> None:
    assert {charge(simulator, "k", "sim_unknown") for _ in range(4)} == {Unknown()}
    assert simulator.book().captured == {}


def test_the_book_holds_every_key_and_adds_up_by_currency(simulator: Simulator) -> None:
    # given charges of all kinds
    charge(simulator, "k1", "sim_ok")
    charge(simulator, "k2", "sim_timeout", amount=Money(amount=250, currency="EUR"))
    charge(simulator, "k3", "sim_ok", amount=Money(amount=7, currency="JPY"))
    charge(simulator, "k4", "sim_decline")
    charge(simulator, "k4", "sim_decline")
    charge(simulator, "k1", "sim_ok", amount=Money(amount=1, currency="EUR"))
    # when the book is read
    book = simulator.book()
    # then it knows the money, taken and not, and how often each key was seen, and misused
    assert book.captured == {"EUR": 1250, "JPY": 7}
    found = [(entry.request.key, entry.outcome, entry.captured, entry.seen, entry.mismatches) for entry in book.charges]
    assert found == [
        ("k1", "ok", True, 1, 1),
        ("k2", "timeout", True, 1, 0),
        ("k3", "ok", True, 1, 0),
        ("k4", "decline", False, 2, 0),
    ]
    assert book.charges[2].request == Request("k3", "cus_1", "sim_ok", Money(amount=7, currency="JPY"))


def test_a_provider_without_a_book_yet_has_none_to_read(path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        read_book(path)


def test_book_and_scripts_go_on_after_a_restart(path: Path) -> None:
    # given a simulator with one charge, closed
    before = Simulator(path)
    charge(before, "k1", "sim_decline_ok")
    lost = charge(before, "k2", "sim_lost")
    before.close()
    # when the next one opens its book
    after = Simulator(path)
    # then old keys keep their outcomes, and scripts go on
    assert lost == Unknown()
    assert charge(after, "k1", "sim_decline_ok") == FUNDS
    assert isinstance(charge(after, "k2", "sim_lost"), Captured)
    assert isinstance(charge(after, "k3", "sim_decline_ok"), Captured)
    after.close()


_CHARGER = """
import asyncio, sys
from pathlib import Path
from domain.money import Money
from infra.psp.simulator import Simulator

async def main():
    simulator = Simulator(Path(sys.argv[1]))
    for number in range(1_000_000):
        keys = [f"{number}-{n}" for n in range(4)]
        call = lambda key: simulator.charge(key=key, token="sim_ok", account="cus_1", amount=Money(amount=1, currency="EUR"))
        await asyncio.gather(*map(call, keys))
        print(*keys, flush=True)

asyncio.run(main())
"""


def test_what_was_answered_before_a_kill_is_in_the_book_once(path: Path) -> None:
    # given a process that charges, and names the keys that were answered
    process = subprocess.Popen([sys.executable, "-c", _CHARGER, str(path)], stdout=subprocess.PIPE, text=True, env=_environment())
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(0.2)
    # when it is killed
    process.kill()
    answered = (first + process.stdout.read()).rpartition("\n")[0].split()
    process.wait()
    process.stdout.close()
    # then the next process finds every answered key captured, and the sum is that of the keys
    with closing(BookWriter(path)):
        book = read_book(path)
    captured = {entry.request.key for entry in book.charges if entry.captured}
    assert captured >= set(answered)
    assert book.captured == {"EUR": len(captured)}


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def test_many_loops_and_threads_share_it(simulator: Simulator) -> None:
    async def fifty(thread: int) -> None:
        calls = (
            simulator.charge(key=f"{number}", token="sim_ok", account="cus_1", amount=TEN_EUROS)
            for number in range(thread * 25, thread * 25 + 50)  # half of the keys are another thread's too
        )
        await asyncio.gather(*calls)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda thread: run(fifty(thread)), range(4)))
    book = simulator.book()
    assert len(book.charges) == 125
    assert book.captured == {"EUR": 125 * 1000}


_SAME_KEYS = """
import asyncio, sys
from pathlib import Path
from domain.money import Money
from infra.psp.simulator import Simulator

async def charge_all():
    simulator = Simulator(Path(sys.argv[1]))
    amount = Money(amount=1000, currency="EUR")
    calls = (simulator.charge(key=f"key-{n}", token="sim_decline_ok", account=f"cus_{n}", amount=amount) for n in range(100))
    print(await asyncio.gather(*calls))
    simulator.close()

asyncio.run(charge_all())
"""


def test_processes_that_share_a_new_book_and_charge_the_same_keys_get_the_same_answers(path: Path) -> None:
    # given two nodes, a former owner and its successor, that both send every attempt, to a provider that is new to them
    command = [sys.executable, "-c", _SAME_KEYS, str(path)]
    nodes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) for _ in range(2)]
    # when both have their answers
    answers = [node.communicate(timeout=60)[0] for node in nodes]
    # then these are the same, and every key was a charge of its own, and one alone
    assert answers[0] == answers[1]
    assert answers[0].count("Declined") == 100
    assert [(charge.seen, charge.mismatches) for charge in read_book(path).charges] == [(2, 0)] * 100


def test_a_slow_disk_does_not_hold_up_the_loop(path: Path, simulator: Simulator) -> None:
    async def scenario() -> tuple[float, ChargeOutcome]:
        # given a book that cannot be written for a while
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(simulator.charge(key="k", token="sim_ok", account="cus_1", amount=TEN_EUROS))
            # when the loop goes on meanwhile
            longest, ticks = 0.0, 0
            while ticks < 20:
                begin = time.perf_counter()
                await asyncio.sleep(0.005)
                longest, ticks = max(longest, time.perf_counter() - begin), ticks + 1
            assert not waiting.done()
            other.execute("ROLLBACK")
        return longest, await waiting

    longest, outcome = run(scenario())
    # then no tick waited for the book (its own wait would be seconds), and the charge comes through
    assert longest < 1.0
    assert isinstance(outcome, Captured)


def test_a_caller_that_gives_up_harms_nobody(path: Path, simulator: Simulator) -> None:
    async def scenario() -> ChargeOutcome:
        # given two calls that wait for the book
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            first, second = (
                asyncio.ensure_future(simulator.charge(key=key, token="sim_ok", account="cus_1", amount=TEN_EUROS))
                for key in "ab"
            )
            await asyncio.sleep(0.05)
            # when one is cancelled
            first.cancel()
            await asyncio.sleep(0)
            other.execute("ROLLBACK")
        return await second

    # then the other is answered
    assert isinstance(run(scenario()), Captured)
    # and asking again settles the first, once
    assert isinstance(charge(simulator, "a", "sim_ok"), Captured)
    assert simulator.book().captured == {"EUR": 2000}


def test_a_provider_that_is_down_gives_no_outcome(path: Path, simulator: Simulator) -> None:
    # given a book whose captures cannot be entered
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE captures RENAME TO gone")
    # when charged, then the outcome is unknown, and nothing is half entered
    assert charge(simulator, "k", "sim_ok") == Unknown()
    # when it is up again, then the same key takes the money
    with closing(sqlite3.connect(path)) as other:
        other.execute("ALTER TABLE gone RENAME TO captures")
    assert isinstance(charge(simulator, "k", "sim_ok"), Captured)
    assert simulator.book().captured == {"EUR": 1000}


def test_latency_is_waited(path: Path) -> None:
    simulator = Simulator(path, latency_s=0.05)
    begin = time.perf_counter()
    charge(simulator, "k", "sim_ok")
    assert time.perf_counter() - begin >= 0.05
    simulator.close()


@given(st.lists(st.sampled_from(sorted(script.WORDS)), min_size=1), st.integers(1, 30))
def test_a_script_of_any_words_is_read_word_by_word(words: list[str], number: int) -> None:
    assert script.word(f"sim_{'_'.join(words)}", number) == (words + [words[-1]] * number)[number - 1]


@given(st.sampled_from(sorted(script.WORDS)))
def test_each_word_settles_once_and_keeps_its_answer(word: str) -> None:
    # given the answers to one key's first calls
    answers = [script.answer(word, call, "ref", TEN_EUROS) for call in range(1, 6)]
    moves = [script.moves_money(word, call) for call in range(1, 6)]
    # then money moves once at most, never after it was said to have, and the first final answer stays
    final = [answer for answer in answers if answer != Unknown()]
    assert answers == [Unknown()] * (5 - len(final)) + final
    assert len(set(final)) <= 1
    captured = [isinstance(answer, Captured) for answer in answers]
    assert sum(moves) == any(captured)
    assert all(True in moves[: call + 1] for call in range(5) if captured[call])
