"""Money: every call to the provider belongs to an attempt that counts, one attempt runs at a time, both books agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.checker.counting import Event, Partition
from tests.checker.history import Book, Capture, Charge, Violation

RULE = "payments"
STARTED, UNKNOWN = "payment.attempt_started.v1", "payment.attempt_unknown.v1"
FAILED, CAPTURED = "payment.attempt_failed.v2", "payment.captured.v1"


@dataclass(slots=True)
class Attempt:
    """One try of a payment as the log has it; ``state`` open until an outcome is final."""

    started: Event
    data: Mapping[str, Any]
    customer: str
    state: Literal["open", "failed", "captured"] = "open"
    captured: int = 0


def money_agrees(partitions: Mapping[str, Partition], book: Book | None) -> Iterator[Violation]:
    """Every rule of this file."""
    attempts: dict[str, list[Attempt]] = {}
    for partition in partitions.values():
        for event in partition.events:
            if event.type.startswith("payment."):
                yield from _one_at_a_time(event, attempts.setdefault(event.stream, []))
    if book is not None:
        by_key = {attempt.data["key"]: attempt for tries in attempts.values() for attempt in tries}
        yield from _charges_belong(book, by_key)
        yield from _captures_agree(book, by_key)


def _one_at_a_time(event: Event, tries: list[Attempt]) -> Iterator[Violation]:
    """Attempt n + 1 starts only after a final outcome of n; an outcome is that of the attempt that runs."""
    data, last = json.loads(event.record.value), tries[-1] if tries else None
    if event.type == STARTED:
        if data["attempt"] != len(tries) + 1:
            yield Violation(RULE, f"attempt {data['attempt']} where {len(tries) + 1} is next", (str(event.record),))
        if last is not None and last.state != "failed":
            shown = (str(last.started.record), str(event.record))
            yield Violation(RULE, f"an attempt starts while the one before it is {last.state}", shown)
        tries.append(Attempt(event, data, event.scope.partition("/")[2]))
    elif event.type in (UNKNOWN, FAILED, CAPTURED):
        if last is None or data["attempt"] != len(tries) or last.state != "open":
            yield Violation(RULE, f"an outcome of attempt {data['attempt']}, which does not run", (str(event.record),))
        elif event.type == FAILED:
            last.state = "failed"
        elif event.type == CAPTURED:
            last.state, last.captured = "captured", data["amount"]["amount"]


def _charges_belong(book: Book, attempts: Mapping[str, Attempt]) -> Iterator[Violation]:
    for charge in book.charges:
        attempt = attempts.get(charge.key)
        if attempt is None:
            yield Violation(RULE, "the provider was called for no attempt that counts", (str(charge),))
        elif charge.mismatches or charge != _wanted(attempt, charge):
            shown = (str(charge), str(attempt.started.record))
            yield Violation(RULE, "the provider was asked for something else than the attempt", shown)


def _wanted(attempt: Attempt, charge: Charge) -> Charge | None:
    """The charge that the attempt asks for; None where it asks for none."""
    method, money = attempt.data["method"], attempt.data["amount"]
    if method is None:
        return None
    return Charge(charge.key, attempt.customer, method["token"], money["amount"], money["currency"], charge.mismatches)


def _captures_agree(book: Book, attempts: Mapping[str, Attempt]) -> Iterator[Violation]:
    """Key by key: taken once, and what the ledger says was captured; open where the ledger does not know yet."""
    taken: dict[str, Capture] = {}
    for capture in book.captures:
        if capture.key in taken:
            yield Violation(RULE, "the provider took the money twice", (str(taken[capture.key]), str(capture)))
        taken[capture.key] = capture
        attempt = attempts.get(capture.key)
        if attempt is not None and attempt.state == "failed":
            shown = (str(capture), str(attempt.started.record))
            yield Violation(RULE, "the provider took the money, the ledger says that the attempt failed", shown)
    for key, attempt in attempts.items():
        found = taken.get(key)
        if attempt.state == "captured" and (found is None or found.amount != attempt.captured):
            shown = (str(attempt.started.record), str(found))
            yield Violation(RULE, f"the ledger captured {attempt.captured}, the provider did not", shown)
