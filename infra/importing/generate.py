"""A made-up file of subscribers in the shape of a telecom company's, for trying the import and for its tests.

    python -m infra.importing.generate OUT.csv --rows 1000

The same seed gives the same file. Its control total is printed, and known to the tests.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path
from random import Random

HEADER = ("customerID", "tenure", "Contract", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn")
TENURE_MAX = 72
_CONTRACTS = ("Month-to-month", "One year", "Two year")
_METHODS = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """What an import of the file must come to; ``billed`` and ``compared`` (Σ TotalCharges) in cents."""

    customers: int
    cancelled: int
    invoices: int
    billed: int
    compared: int


def generate(path: Path, rows: int, seed: int = 1) -> ControlTotal:
    """Write a file of so many subscribers; everything in it follows from the seed."""
    random = Random(seed)
    cancelled = invoices = billed = compared = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            tenure = number % 2 if number < 4 else random.randint(0, TENURE_MAX)  # 0 and 1 always occur
            cents = random.randint(365, 2375) * 5
            churned = random.random() < 0.27
            # Prices changed over the years, so what was really billed is near tenure × price only.
            total = cents * tenure if tenure < 2 else round(cents * tenure * random.uniform(0.95, 1.05))
            id = f"{number:06}-{''.join(random.choices(_LETTERS, k=5))}"
            terms = (random.choice(_CONTRACTS), random.choice(_METHODS))
            writer.writerow([id, tenure, *terms, _text(cents), _text(total) if tenure else " ", "Yes" if churned else "No"])
            cancelled += churned
            invoices += tenure
            billed += tenure * cents
            compared += total
    return ControlTotal(rows, cancelled, invoices, billed, compared)


def _text(cents: int) -> str:
    """As the telecom company writes it: 29.85, 1889.5, 20."""
    whole, rest = divmod(cents, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a made-up CSV of subscribers for subledger import.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    total = generate(given.path, given.rows, given.seed)
    print(f"{total.customers} customers, {total.cancelled} cancelled, {total.invoices} invoices, {total.billed / 100:.2f} USD")


if __name__ == "__main__":
    main()
