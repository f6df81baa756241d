"""Reads of the read models: each is of one position, at least the one that was asked for, and shows just what counts up to it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.checker.counting import Partition
from tests.checker.history import Call, Violation

RULE = "reads"
_ONE = re.compile(r"/v1/(?:customers|subscriptions|invoices|payments)/((?:cus|sub|inv|pay)_[0-9a-f]{28})")


def reads_are_of_their_position(partitions: Mapping[str, Partition], calls: Sequence[Call]) -> Iterator[Violation]:
    """Of reads of one resource, by the ETag (which is its version) and ``Ledger-Position`` of the answer."""
    versions: dict[str, list[int]] = defaultdict(list)  # of each stream, the sequence of each of its events
    for partition in partitions.values():
        for event in partition.events:
            versions[event.stream].append(event.sequence)
    for call in calls:
        one = _ONE.fullmatch(call.path.partition("?")[0])
        if call.method != "GET" or one is None or call.status not in (200, 304, 404):
            continue
        at = positions(call.headers.get("ledger-position", ""))
        for name, least in positions(call.asked.get("ledger-min-position", "")).items():
            if at.get(name, least) < least:
                yield Violation(RULE, f"answered at {name}@{at[name]}, asked for {least} at least", (str(call),))
        for name, sequence in at.items():
            if name in partitions and sequence > partitions[name].sequence:
                yield Violation(RULE, f"answered at {name}@{sequence}, which is not in the log", (str(call),))
        if len(at) == 1:
            [sequence] = at.values()
            version = 0 if call.status == 404 else int(call.headers.get("etag", "").strip('"'))
            wanted = bisect_right(versions.get(one[1], []), sequence)
            if version != wanted:
                what = f"shows version {version} at {call.headers['ledger-position']}, where it is {wanted}"
                yield Violation(RULE, what, (str(call),))


def positions(text: str) -> dict[str, int]:
    """``7@48122, catalog@9`` as numbers."""
    found = (part.strip().partition("@") for part in text.split(",") if part.strip())
    return {name: int(sequence) for name, _, sequence in found}
