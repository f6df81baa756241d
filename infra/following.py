"""A follower of a tenant's events over HTTP: from a cursor on, over outages, and with the proof that none was left out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.ledger_client import LedgerClient, LedgerUnreachable

LIMIT = 1000
WAIT_S = 25

CloudEvent = Mapping[str, Any]


class EventsMissing(Exception):
    """The feed left events out."""


@dataclass(frozen=True, slots=True)
class Page:
    """``cursor``: where to go on after these events."""

    events: Sequence[CloudEvent]
    cursor: str


async def follow(
    client: LedgerClient, after: str, filters: Mapping[str, str | Sequence[str]], on_outage: Callable[[str], None]
) -> AsyncIterator[Page]:
    """Pages without end, an empty one now and then; ``filters`` are parameters of ``GET /v1/events``.

    Once the ledger was reached its outages are told to ``on_outage`` and waited for. Raises EventsMissing; Refused, where the
    key or a parameter is wrong; LedgerUnreachable, where the ledger was never reached.
    """
    # The first answer comes at once: it says what "now" is, which an outage must not move.
    wait_s = 0
    last: dict[str, str] = {}
    from_the_first = after == "0"
    while True:
        try:
            reply = await client.get("/v1/events", {**filters, "after": after, "limit": str(LIMIT), "wait": str(wait_s)})
        except LedgerUnreachable as error:
            if not wait_s:
                raise
            on_outage(str(error))
            continue
        events: Sequence[CloudEvent] = reply.body["data"]
        _check(events, last, from_the_first)
        after, wait_s = reply.body["next_cursor"], WAIT_S
        yield Page(events, after)


def _check(events: Sequence[CloudEvent], last: dict[str, str], from_the_first: bool) -> None:
    """Move ``last``, the last sequence by partition, on over these events; raises EventsMissing.

    A cursor in the middle may name what the filter leaves out, so there a partition's first event proves nothing.
    """
    for event in events:
        partition, sequence = event["position"].split("@")
        before = event["previoussequence"]
        if before != last.get(partition, "0" if from_the_first else before):
            raise EventsMissing(f"events are missing between {partition}@{last.get(partition, 0)} and {event['position']}")
        last[partition] = sequence
