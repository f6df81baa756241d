"""The checker passes a good history and finds every kind of damage: one that cannot fail is worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.checker import example as given
from tests.checker.check import PROVES, check, judge
from tests.checker.counting import content_hash
from tests.checker.example import (
    BOOK,
    CUSTOMER,
    INVOICE,
    PAID,
    PAYMENT,
    STEPS,
    TRAVELLED,
    TRIAL,
    Step,
    customer,
    history,
    outcome,
    subscription,
)
from tests.checker.files import load, save
from tests.checker.history import Book, Call, Capture, Charge, History, Record

Damage = Callable[[History], History]


def test_a_good_history_passes() -> None:
    verdict = judge(history())

    assert verdict.violations == []
    assert verdict.counts["commands"] == len([step for step in STEPS if step.events])
    assert verdict.counts["acknowledged"] == 10


def test_a_history_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    save(history(), tmp_path)

    assert check(load(tmp_path)) == []
    assert load(tmp_path) == replace(history(), book=None)


# Damage to the finished log. Positions in partition 0: 0 claim, 1 register, 2–6 start, 7 outcome, 8 claim, 9 change, 10 set, …


def with_records(change: Callable[[list[Record]], object]) -> Damage:
    def damage(found: History) -> History:
        records = {name: list(own) for name, own in found.records.items()}
        change(records["0"])
        return replace(found, records=records)

    return damage


def altered(position: int, value: bytes | None = None, **headers: str) -> Damage:
    def change(records: list[Record]) -> None:
        record = records[position]
        records[position] = replace(record, value=value or record.value, headers={**record.headers, **headers})

    return with_records(change)


def rehashed(position: int, **headers: str) -> Damage:
    """Altered, with the hash that fits."""

    def change(records: list[Record]) -> None:
        record = replace(records[position], headers={**records[position].headers, **headers})
        records[position] = replace(record, headers={**record.headers, "ce_hash": content_hash(record)})

    return with_records(change)


def swap(records: list[Record]) -> None:
    first, second = records[9], records[10]
    records[9:11] = replace(second, offset=first.offset), replace(first, offset=second.offset)


def copied(position: int) -> Damage:
    return with_records(lambda records: records.append(replace(records[position], offset=records[-1].offset + 1)))


def stranger(records: list[Record]) -> None:
    records.append(Record("0", records[-1].offset + 1, "", {}, b"hello"))


def cut(begin: int, end: int | None) -> Damage:
    return with_records(lambda records: records.__delitem__(slice(begin, end)))


LOG_DAMAGE: list[tuple[Damage, str]] = [
    (cut(9, 10), "chain: sequence 9 after 7"),
    (cut(8, 9), "chain: term 2 was not claimed"),
    (cut(17, None), "reads: answered at 0@16, which is not in the log"),  # a clean cut shows by what was told alone
    (cut(6, 7), "chain: sequence 7 after 5"),
    (cut(5, None), "chain: the log ends within a command"),
    (with_records(swap), "chain: sequence 9 after 7"),
    (copied(9), "chain: a record that does not count: duplicate"),
    (copied(1), "chain: a record that does not count: older term"),
    (with_records(stranger), "chain: a record that does not count: foreign"),
    (altered(9, b'{"timezone": "Asia/Tokyo"}'), "chain: the hash is not that of the content"),
    (altered(9, ce_actor="nobody"), "chain: the hash is not that of the content"),
    (altered(9, ce_previoushash="0" * 64), "chain: the previous hash"),
    (altered(9, ce_sequence="nine"), "chain: ce_sequence is 'nine'"),
    (altered(8, b"[]"), "chain: the claim's hash"),
    (altered(8, ce_subject="1"), "chain: a claim of another partition"),
    (rehashed(3, ce_commandindex="1"), "chain: event 1 of 5 of a command of which 1 came before"),
    (rehashed(6, ce_commandcount="4"), "chain: event 5 of 4"),
    (rehashed(3, ce_commandid="client:other"), "chain: an event within another command"),
    (rehashed(9, ce_partitionkey="acme/another"), "chain: the record's key is not its partition key"),
    (rehashed(9, ce_actor="another"), "chain: the previous hash"),
    (with_records(lambda records: records.append(records[3])), "chain: offset 6 after"),
]


# Damage that an owner wrote: the hashes fit.


def with_steps(change: Callable[[list[Step]], object], *, fenced: bool = True) -> Damage:
    def damage(found: History) -> History:
        steps = list(STEPS)
        change(steps)
        return replace(found, records=given.written(steps), fenced=fenced)

    return damage


def appended(*steps: Step) -> Damage:
    return with_steps(lambda found: found.extend(steps))


def step_of(id: str) -> int:
    return next(number for number, step in enumerate(STEPS) if id in step.id or id in str(step.events[:1]))


def changed(named: str, **others: Any) -> Damage:
    number = step_of(named)
    return with_steps(lambda steps: steps.__setitem__(number, replace(steps[number], **others)))


def without(id: str) -> Damage:
    return with_steps(lambda steps: steps.pop(step_of(id)))


def event(stream: str, version: int, type_: str) -> tuple[str, int, str, dict[str, object]]:
    return (stream, version, type_, {})


LATER: dict[str, Any] = {"seconds": 30}
TWICE = replace(STEPS[step_of("customer.changed")], events=(event(CUSTOMER, 4, "customer.changed.v1"),), **LATER)
UNASKED = replace(TWICE, id="client:nobody")
ANOTHER_FIRING = Step(
    2, f"timer:{TRIAL}/cancel/2026-01-02T01:00:20+01:00", (event(TRIAL, 4, "subscription.cancelled.v2"),), **LATER
)
NO_FIRING = Step(2, f"timer:{PAID}/bill/2026-02-02T00:00:00+00:00", (event(CUSTOMER, 4, "customer.changed.v1"),), **LATER)
BILLED_AGAIN = Step(2, "timer:x/bill/2026-02-02T00:00:00+00:00", (
    (PAID, 3, "subscription.billed.v1", given.month("01-02", "02-02")),), **LATER)  # fmt: skip
THIRD_TRY = Step(2, f"timer:{PAYMENT}/retry/2026-02-02T00:00:00+00:00", (given.attempt(3, 7),), **LATER)
LATE_OUTCOME = Step(2, f"outcome:{PAYMENT}/2/3", (outcome("attempt_failed.v2", 2, 7),), **LATER)

SOLD = STEPS[step_of("subscription.started")].events
POSTED_LESS = (PAID, 2, "subscription.billed.v1", given.billed(INVOICE, {**given.MONTH, "amount": 798}))

FIRED = f"timer:{TRAVELLED}"


def on_clock(dated: str, start: str, end: str) -> Damage:
    """The traveller's second month is billed at another time, or is another one."""
    return changed(FIRED, events=(
        (TRAVELLED, 3, "subscription.billed.v1", given.dated(dated, **given.month(start, end))),))  # fmt: skip


WRITTEN_DAMAGE: list[tuple[Damage, str]] = [
    (appended(TWICE), "commands: one command id counts twice"),
    (appended(UNASKED), "answers: a command that nobody sent"),
    (appended(replace(UNASKED, events=(event(CUSTOMER, 3, "customer.changed.v1"),))), "streams: version 3 of cus_"),
    (appended(replace(UNASKED, events=(event(CUSTOMER, 5, "customer.changed.v1"),))), "streams: version 5 of cus_"),
    (appended(replace(UNASKED, scope="acme/another")), "streams: cus_"),
    (appended(replace(UNASKED, seconds=1)), "time: the recording time falls"),
    (appended(replace(UNASKED, catalog=0)), "time: the catalog position falls"),
    (appended(replace(UNASKED, catalog=4)), "time: catalog@4 was seen, the catalog ends at 3"),
    (appended(replace(UNASKED, events=((CUSTOMER, 4, "customer.changed.v1", {"timestamp": given.time(36)}),))), "time: dated "),
    (appended(ANOTHER_FIRING), f"timers: cancel of {TRIAL} fired twice"),
    (appended(NO_FIRING), f"timers: bill of {PAID} changed nothing"),
    (
        appended(BILLED_AGAIN),
        f"timers: the period from 2026-01-02T00:00:00+00:00 of {PAID} is billed after the one from 2026-01-02",
    ),
    (without("timer:" + TRIAL), f"timers: trial_end of {TRIAL} was due at {given.TRIAL_END}"),
    (without("timer:" + TRIAL), f"timers: cancel of {TRIAL} was due at {given.TRIAL_END}"),
    (without("/retry/"), f"timers: retry of {PAYMENT} was due"),
    (changed("/retry/", seconds=5), f"timers: retry of {PAYMENT} is dated"),
    (without(FIRED), f"timers: bill of {TRAVELLED} was due at 2026-07-01"),
    (on_clock("06-30", "07-01", "08-01"), f"timers: bill of {TRAVELLED} is dated"),
    (on_clock("07-01", "07-02", "08-02"), f"timers: a period of {TRAVELLED} begins at 2026-07-02"),
    (on_clock("07-11", "07-01", "08-01"), "time: dated 2026-07-11"),
    (changed(FIRED, catalog=2), "time: dated 2026-07-01"),
    (changed("/2/2", events=(outcome("captured.v1", 2, 6, **given.CAPTURED),)), "invoices: {'pay_"),
    (changed("subscription.started", events=(*SOLD[:1], POSTED_LESS, *SOLD[2:])), f"postings: {PAID} has posted something else"),
    (appended(THIRD_TRY), "payments: an attempt starts while the one before it is captured"),
    (appended(LATE_OUTCOME), "payments: an outcome of attempt 2, which does not run"),
    (changed("/retry/", events=(given.attempt(3, 4),)), "payments: attempt 3 where 2 is next"),
    (without("attempt_failed"), "payments: an attempt starts while the one before it is open"),
    (changed("/2/2", events=(outcome("attempt_failed.v2", 2, 6),)), "payments: the provider took the money, the ledger says"),
    (without("/retry/"), "payments: the provider was called for no attempt"),
    (without("customer.changed"), "answers: acknowledged"),
    (changed("customer.changed", id="client:another"), "answers: another command stands where the receipt says"),
    (changed("customer.changed", fingerprint="f"), "answers: acknowledged, but under its key"),
    (changed("customer.changed", seconds=5), "answers: another event stands where the receipt says"),
    (appended(given.by(given.STALE, 2, event(CUSTOMER, 4, "customer.changed.v1"))), "answers: refused, and done even so"),
]


# Damage to what clients were told.


def told(change: Callable[[list[Call]], object]) -> Damage:
    def damage(found: History) -> History:
        calls = list(found.calls)
        change(calls)
        return replace(found, calls=calls)

    return damage


def heard(*calls: Call) -> Damage:
    """Somebody else was told this as well."""
    return told(lambda found: found.extend(calls))


def answered(key: str, changes: dict[str, Any], **others: Any) -> Damage:
    """The first answer with a key has other members, the call other fields."""

    def change(calls: list[Call]) -> None:
        number = next(number for number, call in enumerate(calls) if call.key == key and call.answer)
        calls[number] = replace(calls[number], answer={**calls[number].answer, **changes}, **others)

    return told(change)


def receipt(key: str, **changes: Any) -> Damage:
    def change(calls: list[Call]) -> None:
        number = next(number for number, call in enumerate(calls) if call.key == key and call.acknowledged)
        answer = calls[number].answer
        calls[number] = replace(calls[number], answer={**answer, "receipt": {**answer["receipt"], **changes}})

    return told(change)


ACKNOWLEDGED = {call.key: call for call in history().calls if call.acknowledged and call.key}
AGAIN: dict[str, Any] = {"begin": 40, "end": 41}
MINE = f"/v1/customers/{CUSTOMER}"
REGISTERED = given.post(22, "/v1/customers", "k88", given.REGISTER.body, 201, customer(1, "UTC", None))
NOW_CUSTOMER = customer(3, "Europe/Paris", given.OTHER)

TOLD_DAMAGE: list[tuple[Damage, str]] = [
    (receipt("k3", position="0@4"), "answers: acknowledged at 0@4, where no command that counts ends"),
    (receipt("k3", position="0@9"), "answers: another command stands where the receipt says"),
    (receipt("k3", event_hash="0" * 64), "answers: another event stands where the receipt says"),
    (receipt("k3", version=7), f"answers: the receipt's {CUSTOMER}/7 is of another command"),
    (heard(replace(ACKNOWLEDGED["k3"], key="k99")), "answers: two commands were acknowledged with one receipt"),
    (heard(replace(ACKNOWLEDGED["k3"], key="k99")), "answers: acknowledged, but under its key"),
    (receipt("k1", version=2), "answers: one key was answered with several receipts"),
    (heard(replace(given.CHANGE, status=412, answer={}, **AGAIN)), "answers: acknowledged, and refused when it was sent again"),
    (heard(replace(given.SET, key="k77", status=402)), "answers: acknowledged, but under its key"),
    (heard(replace(ACKNOWLEDGED["k3"], answer=None)), "answers: acknowledged without a receipt"),
    (answered("k3", {"timezone": "Europe/Berlin"}), f"linearizable: {CUSTOMER}"),
    (answered("k3", {}, asked={"if-match": '"2"'}), f"linearizable: {CUSTOMER}"),
    (answered("k8", {"state": "cancelled"}), f"linearizable: {TRIAL}"),
    (answered("k8", {}, begin=7, end=7.5), f"linearizable: {TRIAL}"),  # before it was started
    (answered("k6", {}, headers={"etag": '"1"'}), f"linearizable: {CUSTOMER}"),  # the version that was asked for
    (answered("k6", {}, headers={"etag": '"9"'}), f"linearizable: {CUSTOMER}"),
    (answered("k6", {}, begin=1.6, end=1.7), f"linearizable: {CUSTOMER}"),  # what came later
    (answered("k9", {}, begin=8.6, end=8.7), f"linearizable: {TRIAL}"),  # nothing had set an end
    (heard(replace(REGISTERED, answer=REGISTERED.answer | {"receipt": ACKNOWLEDGED["k1"].answer["receipt"]})),
     f"linearizable: {CUSTOMER}"),
    (heard(given.post(22, MINE, "k88", given.ZONE, 404, {})), f"linearizable: {CUSTOMER}"),
    (heard(given.get(4.2, MINE, "0@9", 3, answer=NOW_CUSTOMER)), f"linearizable: {CUSTOMER}"),  # set at 5
    (heard(given.get(9, MINE, "0@9", 3, answer=customer(3, "UTC", given.OTHER))), f"linearizable: {CUSTOMER}"),
    (heard(given.get(30, f"/v1/subscriptions/{PAID}", "0@16", 2, answer=subscription(PAID, 2, state="cancelled"))),
     f"linearizable: {PAID}"),
    (answered("t3", {"version": 3}), "linearizable: acme/c"),
    (answered("t3", {"now": "2026-07-08T00:00:00Z"}), "linearizable: acme/c"),
    (answered("t3", {}, begin=20, end=20.5), "linearizable: acme/c"),  # after what it refused
    (heard(replace(given.BACK, body={"now": "2026-07-11T00:00:00Z"})), "linearizable: acme/c"),
    (heard(replace(given.BACK, status=404, answer={})), "linearizable: acme/c"),
    (answered("t3", {"positions": ["1@3"]}), f"timers: bill of {TRAVELLED} was due at 2026-07-01"),
    (heard(given.get(9, MINE, "0@9", 2, 304)), "reads: shows version 2 at 0@9, where it is 3"),
    (heard(given.get(9, MINE, "0@9", 4, 304)), "reads: shows version 4 at 0@9, where it is 3"),
    (heard(given.get(9, MINE, "0@9", 0, 404)), "reads: shows version 0 at 0@9, where it is 3"),
    (heard(given.get(9, MINE, "0@9", 3, 304, least="0@10")), "reads: answered at 0@9, asked for 10 at least"),
    (heard(given.get(9, MINE, "0@17", 3, 304)), "reads: answered at 0@17, which is not in the log"),
]  # fmt: skip


# Damage elsewhere.


def with_book(charges: Sequence[Charge] = BOOK.charges, captures: Sequence[Capture] = BOOK.captures) -> Damage:
    return lambda found: replace(found, book=Book(charges, captures))


FIRST, SECOND = BOOK.charges
[TAKEN] = BOOK.captures
OTHER_DAMAGE: list[tuple[Damage, str]] = [
    (with_book([FIRST, SECOND, replace(SECOND, key="pay_x-1")]), "payments: the provider was called for no attempt"),
    (with_book([FIRST, replace(SECOND, amount=800)]), "payments: the provider was asked for something else"),
    (with_book([FIRST, replace(SECOND, mismatches=1)]), "payments: the provider was asked for something else"),
    (with_book(captures=[TAKEN, TAKEN]), "payments: the provider took the money twice"),
    (with_book(captures=[TAKEN, replace(TAKEN, key=FIRST.key)]), "payments: the provider took the money, the ledger says"),
    (with_book(captures=[replace(TAKEN, amount=1)]), "payments: the ledger captured 799, the provider did not"),
    (with_book(captures=[]), "payments: the ledger captured 799, the provider did not"),
    (lambda found: replace(found, states=[replace(found.states[1], chain="0" * 64)]), "readers: index does not stand"),
    (lambda found: replace(found, states=[replace(found.states[1], offset=30)]), "readers: index does not stand"),
    (lambda found: replace(found, digests={**found.digests, "other": {"customers": "d1", "payments": "d3"}}),
     "readers: the rows of payments"),
    (lambda found: replace(found, digests={**found.digests, "other": {"customers": "d1"}}), "readers: the rows of payments"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "found"), LOG_DAMAGE + WRITTEN_DAMAGE + TOLD_DAMAGE + OTHER_DAMAGE)
def test_damage_is_found(damage: Damage, found: str) -> None:
    violations = [str(violation) for violation in check(damage(history()))]

    assert any(violation.startswith(found) for violation in violations), violations


def test_every_rule_was_seen_to_fail() -> None:
    failed = {found.partition(":")[0] for _, found in LOG_DAMAGE + WRITTEN_DAMAGE + TOLD_DAMAGE + OTHER_DAMAGE}

    assert failed == set(PROVES)


def test_what_a_zombie_wrote_past_the_fence_is_no_violation_where_the_fence_was_taken_away() -> None:
    late = replace(UNASKED, term=1)
    with_zombie = with_steps(lambda steps: steps.append(late))(history())

    assert [violation.what for violation in check(with_zombie)] == ["a record that does not count: older term"]
    assert check(replace(with_zombie, fenced=False)) == []
