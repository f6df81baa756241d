"""Who the demo's customers are and what each will do in the year: the same people in every demo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Literal

CUSTOMERS = 1000

_FIRST = """
Ada Alan Anna Ben Carla Chen Clara David Elena Emil Emma Farid Fatima Felix Grace Hana Hugo Ida Ines Ivan
Jana Jonas Julia Karim Lena Leo Lina Luca Maria Max Mina Nora Omar Paula Pavel Rosa Sami Sofia Tom Yara
"""
_LAST = """
Adler Bauer Conti Dubois Eriksson Fischer Garcia Hansen Ivanova Jansen Kaya Lang Moreau Novak Okafor Peters Quinn Rossi
Santos Tanaka Urban Vogel Weber Young Zimmer
"""

_PRICES = {
    "web": (("basic-monthly-eur", 45), ("basic-yearly-eur", 10), ("premium-monthly-eur", 35), ("season-monthly-eur", 10)),
    "tv": (("tv-basic-monthly-usd", 50), ("tv-all-monthly-usd", 40), ("tv-all-yearly-usd", 10)),
}
_GOOD = "sim_ok"
# What the simulated provider does with a charge, one word after the other; None: no method, pays by transfer.
_TOKENS: tuple[tuple[str | None, int], ...] = (
    (_GOOD, 880),
    ("sim_ok_ok_decline_ok", 30),
    ("sim_ok_ok_ok_decline", 25),
    ("sim_ok_timeout_ok", 15),
    ("sim_decline", 15),
    ("sim_expired", 5),
    (None, 30),
)


@dataclass(frozen=True, slots=True)
class Year:
    """People join, cancel and pay by transfer at ``steps``; between them, and up to ``end``, the clock alone moves things."""

    steps: tuple[datetime, ...]
    end: datetime


YEAR = Year(
    tuple(datetime(2025, month, day, tzinfo=UTC) for month in range(1, 13) for day in (1, 8, 15, 22)),
    datetime(2026, 1, 1, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Person:
    """``joins`` and ``cancels`` are indices of the year's steps."""

    number: int
    storefront: str
    price: str
    token: str | None
    joins: int
    cancels: int | None
    cancels_at: Literal["now", "period_end"]

    @property
    def external_id(self) -> str:
        return f"demo-{self.number:04}"

    def registration(self, clock: str) -> dict[str, Any]:
        """The body that registers the customer."""
        firsts, lasts = _FIRST.split(), _LAST.split()
        first, last = firsts[self.number % len(firsts)], lasts[self.number // len(firsts) % len(lasts)]
        personal = {"name": f"{first} {last}", "email": f"{first}.{last}@example.com".lower()}
        body = {"storefront": self.storefront, "external_id": self.external_id, "personal": personal, "test_clock": clock}
        if self.token is not None:
            body["payment_method"] = {"provider": "simulator", "token": self.token}
        return body


def people(count: int = CUSTOMERS) -> list[Person]:
    """The first so many customers."""
    return [_person(number) for number in range(count)]


def example(found: Sequence[Person]) -> Person:
    """One whose subscription goes on undisturbed."""
    return next(person for person in found if person.joins == 0 and person.token == _GOOD and person.cancels is None)


def _person(number: int) -> Person:
    random = Random(number)
    storefront = "web" if random.random() < 0.6 else "tv"
    price = _pick(random, _PRICES[storefront])
    token = _pick(random, _TOKENS)
    joins = 0 if random.random() < 0.4 else random.randrange(1, len(YEAR.steps))
    cancels = joins + random.randint(1, 30)
    # Only who is sure to be in trial or active then, so that no cancellation is refused.
    leaves = token == _GOOD and price != "season-monthly-eur" and random.random() < 0.3
    return Person(
        number=number,
        storefront=storefront,
        price=price,
        token=token,
        joins=joins,
        cancels=cancels if leaves else None,
        cancels_at="now" if random.random() < 0.3 else "period_end",
    )


def _pick(random: Random, weighted: Any) -> Any:
    return random.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
