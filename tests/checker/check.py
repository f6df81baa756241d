"""All rules over a history. What each looks at is in its own file; the table says which of the design's invariants it proves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.checker import answers, invoices, log_rules, payments, postings, reads, registers, timers
from tests.checker.clocks import Clocks
from tests.checker.counting import RULE as CHAIN
from tests.checker.counting import Partition, count
from tests.checker.history import History, Violation

# Rule → what it proves. The numbers are those of the invariants in docs/guarantees.md.
PROVES: Mapping[str, str] = {
    CHAIN: "3: sequences contiguous, terms claimed and rising, chain intact; 2: commands whole",
    "commands": "7: one command for each id; 2: its events agree",
    "streams": "7: one event for each version of a stream",
    "time": "8: neither time nor the catalog position falls, and nothing is done before its time",
    timers.RULE: "8: each timer fires once, at its time; each period is billed once, none is left out",
    answers.RULE: "1: acknowledged once, refused not at all, unknown at most once",
    invoices.RULE: "11: invoices come to their lines, less what settled them; accounts to what they were given, and not below 0",
    postings.RULE: "11: what is billed stands on a line and follows from its numbers; no time is billed twice",
    payments.RULE: "9: charges belong to attempts, one at a time; both books agree",
    reads.RULE: "10: a read shows what counts up to its position, and no less than was asked for",
    registers.RULE: "6: the answers on each customer, subscription and test clock are those of one that does one thing at a time",
    "readers": "10: readers' states are those of the log; rows do not depend on who made them",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``counts`` says how much was judged: a check of nothing proves nothing."""

    violations: list[Violation]
    counts: Mapping[str, int]

    @property
    def ok(self) -> bool:
        return not self.violations


def check(history: History) -> list[Violation]:
    """Everything that is wrong with a history; none where all promises were kept."""
    return judge(history).violations


def judge(history: History) -> Verdict:
    """The same with what was looked at."""
    partitions = {name: count(name, records, fenced=history.fenced) for name, records in history.records.items()}
    return Verdict(list(_violations(history, partitions)), _counts(history, partitions))


def _violations(history: History, partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    for partition in partitions.values():
        yield from partition.violations
    clocks = Clocks(partitions)
    for rule in log_rules.RULES:
        yield from rule(partitions)
    yield from log_rules.nothing_before_its_time(partitions, clocks)
    yield from timers.none_left_over(partitions, clocks, history.settled_at)
    yield from timers.advances_whole(partitions, clocks, history.calls)
    yield from answers.told_the_truth(partitions, history.calls, history.secret)
    yield from invoices.books_agree(partitions)
    yield from postings.postings_stand(partitions)
    yield from payments.money_agrees(partitions, history.book)
    yield from reads.reads_are_of_their_position(partitions, history.calls)
    yield from registers.linearizable(history.calls, partitions)
    yield from _readers_agree(history, partitions)


def _readers_agree(history: History, partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    for state in history.states:
        here = partitions[state.partition].at(state.offset)
        if (state.sequence, state.term, state.chain) != (here.sequence, here.term, here.chain):
            what = f"{state.holder} does not stand at offset {state.offset} as the log does"
            yield Violation("readers", what, (str(state), str(here)))
    tables = sorted({table for digests in history.digests.values() for table in digests})
    for table in tables:
        found = {holder: digests.get(table, "missing") for holder, digests in history.digests.items()}
        if len(set(found.values())) > 1:
            shown = tuple(f"{holder}: {digest}" for holder, digest in found.items())
            yield Violation("readers", f"the rows of {table} depend on who made them", shown)


def _counts(history: History, partitions: Mapping[str, Partition]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for partition in partitions.values():
        found["records"] += len(history.records[partition.name])
        found["claims"] += len(partition.claims)
        found["commands"] += len(partition.commands)
        found["passed over"] += len(partition.passed_over)
    for call in history.calls:
        outcome = "acknowledged" if call.acknowledged or call.declined else "refused" if call.refused else "unknown"
        found["read" if call.method == "GET" else outcome] += 1
    found["captures"] = len(history.book.captures) if history.book else 0
    return found
