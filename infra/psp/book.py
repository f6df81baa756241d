"""The simulator's book: every idempotency key it was ever called with, and the money it took. One SQLite file.

It is what a checker compares the ledger with, so it must not forget: WAL with synchronous=FULL, so that what was answered is on
the disk (NORMAL would lose the last charges at a power cut, which no provider does). Several processes may share it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from commands.ports import ChargeOutcome, Unknown
from domain.money import Money
from infra.psp import script

_log = structlog.get_logger(__name__)

_BUSY_TIMEOUT_S = 5

_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    token TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    outcome TEXT NOT NULL,  -- a word of the token's script, or invalid_token
    seen INTEGER NOT NULL,
    mismatches INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS charges_by_token ON charges (account, token);
CREATE TABLE IF NOT EXISTS captures (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE REFERENCES charges,  -- whatever went wrong before: never twice
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Request:
    """One call. The same key with any other field changed is a mismatch."""

    key: str
    account: str
    token: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Charge:
    """All that the book has on a key.

    ``outcome`` is a word of the script, or ``invalid_token``; ``captured`` says whether money was taken; ``seen`` counts the
    calls with the first call's parameters, ``mismatches`` those with others.
    """

    request: Request
    outcome: str
    captured: bool
    seen: int
    mismatches: int


@dataclass(frozen=True, slots=True)
class Book:
    """``captured`` is the money taken, in minor units by currency; ``charges`` is every key, in the keys' order."""

    captured: dict[str, int]
    charges: tuple[Charge, ...]


class BookWriter:
    """Enters calls. One thread at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def enter(self, requests: Sequence[Request]) -> list[ChargeOutcome]:
        """Enter the calls in their order, all in one durable transaction; gives each one's answer. Raises sqlite3.Error."""
        with self._transaction():
            return [self._enter(request) for request in requests]

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _enter(self, request: Request) -> ChargeOutcome:
        row = self._connection.execute(
            "SELECT account, token, amount, currency, outcome, seen FROM charges WHERE key = ?", (request.key,)
        ).fetchone()
        if row is None:
            return self._answer(request, self._begin(request), 1)
        account, token, amount, currency, outcome, seen = row
        if request != Request(request.key, account, token, Money(amount=amount, currency=currency)):
            self._connection.execute("UPDATE charges SET mismatches = mismatches + 1 WHERE key = ?", (request.key,))
            _log.error("idempotency_mismatch", charge=request.key)
            return Unknown()
        self._connection.execute("UPDATE charges SET seen = seen + 1 WHERE key = ?", (request.key,))
        return self._answer(request, outcome, seen + 1)

    def _begin(self, request: Request) -> str:
        """Enter a new key; gives its outcome."""
        (before,) = self._connection.execute(
            "SELECT count(*) FROM charges WHERE account = ? AND token = ?", (request.account, request.token)
        ).fetchone()
        outcome = script.word(request.token, before + 1)
        money = request.amount
        self._connection.execute(
            "INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, 1, 0)",
            (request.key, request.account, request.token, money.amount, money.currency, outcome),
        )
        return outcome

    def _answer(self, request: Request, outcome: str, call: int) -> ChargeOutcome:
        money = request.amount
        if script.moves_money(outcome, call):
            self._connection.execute(
                "INSERT INTO captures (key, amount, currency) VALUES (?, ?, ?)", (request.key, money.amount, money.currency)
            )
        return script.answer(outcome, call, _reference(request.key), money)


def read_book(path: Path) -> Book:
    """The book as of now; any process may read it. Raises sqlite3.Error where there is none."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_BUSY_TIMEOUT_S)) as connection:
        connection.execute("BEGIN")
        charges = connection.execute(
            "SELECT key, account, token, charges.amount, charges.currency, outcome, number IS NOT NULL, seen, mismatches"
            " FROM charges LEFT JOIN captures USING (key) ORDER BY key"
        ).fetchall()
        taken = connection.execute("SELECT currency, amount FROM captures").fetchall()
    captured: Counter[str] = Counter()
    for currency, amount in taken:
        captured[currency] += amount
    return Book(dict(captured), tuple(_charge(*row) for row in charges))


def _charge(
    key: str, account: str, token: str, amount: int, currency: str, outcome: str, captured: int, seen: int, mismatches: int
) -> Charge:
    request = Request(key, account, token, Money(amount=amount, currency=currency))
    return Charge(request, outcome, bool(captured), seen, mismatches)


def _reference(key: str) -> str:
    """The provider's own name of a charge: the same for the same key, so that two runs of one ledger agree."""
    return f"simch_{sha256(key.encode()).hexdigest()[:24]}"
