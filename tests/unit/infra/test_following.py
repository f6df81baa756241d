"""How events are followed. The network alone is played here; the ledger itself is in tests/e2e."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from infra import ledger_client
from infra.following import EventsMissing, Page, follow
from infra.ledger_client import LedgerClient, LedgerUnreachable, Refused

Answer = httpx.Response | httpx.TransportError


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_client, "PAUSE_MIN_S", 0.001)
    monkeypatch.setattr(ledger_client, "PAUSE_MAX_S", 0.002)


def answer(cursor: str, *events: tuple[str, int, int]) -> httpx.Response:
    """A page of events, each as partition, sequence and the sequence before."""
    data = [{"position": f"{partition}@{at}", "previoussequence": str(before)} for partition, at, before in events]
    return httpx.Response(200, json={"object": "list", "data": data, "has_more": False, "next_cursor": cursor})


def followed(
    answers: Sequence[Answer], after: str, pages: int, patience_s: float = 0.0
) -> tuple[list[Page], list[str], list[Any]]:
    """So many pages, what was told of outages, and the parameters of all requests."""
    given: Iterator[Answer] = iter(answers)
    asked: list[Any] = []
    outages: list[str] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params)
        found = next(given)
        if isinstance(found, httpx.TransportError):
            raise found
        return found

    async def run() -> list[Page]:
        transport = httpx.MockTransport(wire)
        async with LedgerClient("http://ledger", "key", patience_s=patience_s, transport=transport) as client:
            feed = follow(client, after, {"type": ["invoice.*", "payment.*"]}, outages.append)
            return [await anext(feed) for _ in range(pages)]

    return asyncio.run(run()), outages, asked


def test_each_page_goes_on_where_the_one_before_ended() -> None:
    pages, outages, asked = followed([answer("1@4"), answer("1@7", ("1", 7, 2)), answer("1@9,2@1")], "now", 3)
    assert [page.cursor for page in pages] == ["1@4", "1@7", "1@9,2@1"]
    assert [len(page.events) for page in pages] == [0, 1, 0]
    assert [params["after"] for params in asked] == ["now", "1@4", "1@7"]
    assert all(params.get_list("type") == ["invoice.*", "payment.*"] for params in asked)
    # what "now" is has to be known at once: an outage while waiting would move it
    assert [params["wait"] for params in asked] == ["0", "25", "25"]
    assert outages == []


def test_an_outage_is_told_and_waited_for() -> None:
    away = httpx.ConnectError("refused")
    not_ready = httpx.Response(503, json={"code": "read-model-unavailable", "detail": "away"})
    pages, outages, asked = followed([answer("1@4"), away, not_ready, answer("1@5", ("1", 5, 3))], "1@2", 2)
    assert [page.cursor for page in pages] == ["1@4", "1@5"]
    assert [params["after"] for params in asked] == ["1@2", "1@4", "1@4", "1@4"]
    assert ["refused" in outages[0], "read-model-unavailable" in outages[1]] == [True, True]


def test_a_ledger_that_was_never_reached_is_no_outage() -> None:
    with pytest.raises(LedgerUnreachable):
        followed([httpx.ConnectError("refused")], "now", 1)


def test_a_refusal_ends_it() -> None:
    with pytest.raises(Refused, match="unauthenticated"):
        followed([answer("1@4"), httpx.Response(401, json={"code": "unauthenticated"})], "now", 2)


def test_events_are_proven_complete_over_pages_and_partitions() -> None:
    answers = [answer("1@4,2@3", ("1", 2, 0), ("2", 3, 0), ("1", 4, 2)), answer("1@9,2@8", ("2", 8, 3), ("1", 9, 4))]
    pages, _, _ = followed(answers, "0", 2)
    assert [len(page.events) for page in pages] == [3, 2]


@pytest.mark.parametrize(
    ("after", "answers"),
    [
        ("0", [answer("1@4", ("1", 4, 2))]),
        ("now", [answer("1@4", ("1", 4, 2)), answer("1@9", ("1", 9, 6))]),
        ("1@2", [answer("1@9", ("1", 4, 1), ("1", 9, 6))]),
    ],
    ids=["before the first", "between pages", "within a page"],
)
def test_a_missing_event_is_found_out(after: str, answers: list[Answer]) -> None:
    with pytest.raises(EventsMissing, match="missing between 1@"):
        followed(answers, after, len(answers))
