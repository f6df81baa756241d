"""The feed by long polls: what an event is, that nothing is missed and that it shows when something is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.eventlog.record import ATTRIBUTES, content_hash
from infra.http.event_resources import EventPage
from queries import feed
from tests.integration.queries.conftest import Client
from tests.integration.queries.following import CloudEvent, Consumer, Missed
from tests.integration.queries.test_http import bearer, check_problem
from tests.read_models.story import Life, Writer, tell

with_fixtures = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


def everything(client: Client, filters: str = "") -> list[CloudEvent]:
    page = client.get(f"/v1/events?limit=1000{filters}").json()
    assert not page["has_more"]
    events: list[CloudEvent] = page["data"]
    return events


def by_partition(events: Sequence[CloudEvent]) -> dict[str, list[CloudEvent]]:
    """Between partitions only what is read together is in the order of its recording."""
    found: dict[str, list[CloudEvent]] = {}
    for event in events:
        found.setdefault(event["position"].partition("@")[0], []).append(event)
    return found


def test_an_event_is_its_record_to_the_byte(client: Client) -> None:
    text = client.get("/v1/events?limit=1000").text
    data = EventPage.model_validate_json(text).data
    assert len(data) > 40
    for event in orjson.loads(text)["data"]:
        attributes = {name: event[name] for name in ATTRIBUTES if name in event}
        value = orjson.dumps(event["data"])
        assert f'"data":{value.decode()}}}' in text  # as it was written
        assert content_hash(event["previoushash"], attributes, value) == event["hash"]
        assert event["position"].endswith(f"@{event['sequence']}")


def test_a_tenant_sees_its_own_events_and_all_of_them(client: Client, keys: Mapping[str, str]) -> None:
    mine = everything(client)
    told = [f"{e.originator_id}/{e.originator_version}" for c in tell(("acme",)) for e in c.events]
    issued = [event["id"] for event in mine if event["type"] == "api_key.issued.v1"]
    assert sorted(event["id"] for event in mine) == sorted({*told, *issued})
    assert {event["tenant"] for event in mine} == {"acme"}
    client.headers |= bearer(keys["other"])
    assert {event["tenant"] for event in everything(client)} == {"other"}


def test_who_reads_from_the_beginning_proves_that_nothing_is_missing(client: Client) -> None:
    events, versions = everything(client), dict[str, int]()
    Consumer().take(events)
    for event in events:
        assert int(event["streamversion"]) == versions.get(event["subject"], 0) + 1
        versions[event["subject"]] = int(event["streamversion"])


@with_fixtures
@given(
    lives=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20), st.booleans()), max_size=8),
    filters=st.sampled_from(["", "&type=invoice.*", "&type=payment.requested.v1&type=tenant.*"]),
)
def test_a_consumer_that_is_killed_anywhere_goes_on_without_gap_or_repetition(
    client: Client, lives: list[tuple[int, int, bool]], filters: str
) -> None:
    whole = everything(client, filters)

    async def follow(http: httpx.AsyncClient) -> list[CloudEvent]:
        kept, state, cursor = list[CloudEvent](), Consumer(), "0"  # what is committed, together
        # each life takes some events of a page and is killed, save the last; a whole page may go on at the page's own cursor
        for limit, taken, at_page in [*lives, (1000, 1000, False)]:
            page = (await http.get(f"/v1/events?after={cursor}&limit={limit}{filters}", headers=client.headers)).json()
            events = page["data"][:taken]
            state.take(events)
            kept += events
            cursor = page["next_cursor"] if at_page and len(events) == len(page["data"]) else state.cursor
        return kept

    assert by_partition(client.run(follow)) == by_partition(whole)


@with_fixtures
@given(data=st.data())
def test_an_event_that_is_withheld_is_noticed(client: Client, data: st.DataObject) -> None:
    events = everything(client)
    last_of_partition = {event["position"].partition("@")[0]: event for event in events}.values()
    withheld = data.draw(st.sampled_from([event for event in events if event not in last_of_partition]))
    with pytest.raises(Missed):
        Consumer().take([event for event in events if event is not withheld])


@with_fixtures
@given(
    types=st.lists(st.sampled_from(["invoice.*", "subscription.*", "payment.captured.v1", "tenant.created.v1"]), max_size=2),
    one_customer=st.booleans(),
    limit=st.integers(1, 20),
    scan=st.integers(2, 12),
    skipped=st.integers(0, 90),
)
def test_filters_choose_and_their_events_name_those_before(
    client: Client, troubled: str, types: list[str], one_customer: bool, limit: int, scan: int, skipped: int
) -> None:
    def chosen(event: CloudEvent) -> bool:
        named = not types or any(fnmatch(event["type"], each) for each in types)
        return named and (not one_customer or event["partitionkey"] == f"acme/{troubled}")

    whole = everything(client)
    begun = Consumer()
    begun.take(whole[:skipped])
    expected, last = [], dict[str, str]()
    for event in filter(chosen, whole):
        partition = event["position"].partition("@")[0]
        expected.append({**event, "previoussequence": last.get(partition, "0")})
        last[partition] = event["sequence"]
    expected = [event for event in expected if int(event["sequence"]) > begun.last.get(event["position"].partition("@")[0], 0)]
    filters = "".join(f"&type={each}" for each in types) + (f"&customer={troubled}" if one_customer else "")

    async def follow(http: httpx.AsyncClient) -> list[CloudEvent]:
        found, cursor, more = list[CloudEvent](), begun.cursor, True
        while more:
            page = (await http.get(f"/v1/events?after={cursor}&limit={limit}{filters}", headers=client.headers)).json()
            found, cursor, more = found + page["data"], page["next_cursor"], page["has_more"]
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "SCAN_MAX", scan)  # few at a time, so that pages end without an event
        assert by_partition(client.run(follow)) == by_partition(expected)


def test_a_poll_waits_for_an_event_and_no_longer(own: Client, writer: Writer, project: Callable[[], None]) -> None:
    life = Life("acme", "crm-77", None)

    async def follow(http: httpx.AsyncClient) -> tuple[float, dict[str, Any], dict[str, Any]]:
        begun = time.monotonic()
        polling = asyncio.create_task(http.get("/v1/events?after=now&wait=30", headers=own.headers, timeout=40))
        await asyncio.sleep(0.2)
        assert not polling.done()
        writer.write([life.told(life.customer)])
        await asyncio.to_thread(project)
        came = (await polling).json()
        waited_s = time.monotonic() - begun
        ended = await http.get(f"/v1/events?after={came['next_cursor']}&wait=1", headers=own.headers)
        return waited_s, came, ended.json()

    waited_s, came, ended = own.run(follow)
    assert waited_s < 15
    assert [event["id"] for event in came["data"]] == [f"{life.id}/1"]
    assert ended == {"object": "list", "data": [], "has_more": False, "next_cursor": came["next_cursor"]}


def test_the_cursor_moves_past_what_the_filter_leaves_out(client: Client) -> None:
    page = client.get("/v1/events?type=price.published.v2&type=tenant.*").json()
    assert [event["type"] for event in page["data"]] == ["tenant.created.v1", "price.published.v2"]
    assert page["next_cursor"] == client.get("/v1/customers").headers["Ledger-Position"].replace(" ", "")


def test_a_position_of_a_command_is_a_cursor(client: Client) -> None:
    page = client.get("/v1/events?after=catalog@3&type=tenant.*&type=price.*&limit=1").json()
    assert [event["type"] for event in page["data"]] == ["price.published.v2"]
    beyond = client.get("/v1/events?after=catalog@999999,0@999999,1@999999,2@999999").json()
    assert (beyond["data"], beyond["next_cursor"]) == ([], "0@999999,1@999999,2@999999,catalog@999999")


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ("after=yesterday", "/after"),
        ("after=99@1", "/after"),
        ("after=", "/after"),
        ("after=1@" + "9" * 30, "/after"),
        ("type=invoices.*", "/type/0"),
        ("type=invoice", "/type/0"),
        ("type=*", "/type/0"),
        ("customer=crm-1", "/customer"),
        ("limit=0", "/limit"),
        ("wait=61", "/wait"),
        ("colour=red", "/colour"),
    ],
)
def test_what_cannot_be_followed_is_refused(client: Client, parameters: str, pointer: str) -> None:
    body = check_problem(client.get(f"/v1/events?{parameters}"), 422, "invalid-request")
    assert body["errors"][0]["pointer"] == pointer


def test_a_wrong_last_event_id_is_told_as_that(client: Client) -> None:
    body = check_problem(client.get("/v1/events", {"Last-Event-ID": "x"}), 422, "invalid-request")
    assert [(error["in"], error["pointer"]) for error in body["errors"]] == [("header", "/Last-Event-ID")]


def test_a_position_that_must_be_reached_is_waited_for(client: Client) -> None:
    answer = client.get("/v1/events", {"Ledger-Min-Position": "1@999999", "Prefer": "wait=0"})
    check_problem(answer, 503, "read-model-behind")
