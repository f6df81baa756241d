"""Clients who cross each other on an object that does one thing at a time: whatever they are told, the search explains it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.checker.counting import Command, Event, Partition
from tests.checker.example import CUSTOMER, TRIAL, TRIAL_END, customer, get, post, subscription
from tests.checker.history import Call, Record
from tests.checker.registers import linearizable

ZONES = ("Europe/Paris", "Europe/Rome", "Europe/Oslo")
MINE, OURS = f"/v1/customers/{CUSTOMER}", f"/v1/subscriptions/{TRIAL}"


def around(call: Call, at: float, draw: st.DrawFn) -> Call:
    """A call that began some time before it took effect, and was answered, or given up, some time after."""
    begun, answered = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return replace(call, begin=at - begun, end=at + answered + 0.5)


def unheard(call: Call, draw: st.DrawFn) -> Call:
    """The call, or the same without an answer."""
    return replace(call, status=None, answer=None, headers={}) if draw(st.integers(0, 4)) == 0 else call


def credited(version: int) -> Event:
    """Money that goes to the customer's account."""
    return Event(Record("0", version, CUSTOMER, {"ce_type": "customer.credited.v1"}, b""), version, CUSTOMER, version)


@st.composite
def customers(draw: st.DrawFn) -> tuple[list[Call], list[Event]]:
    """What clients are told who register, change and read one customer, whose account gets money meanwhile."""
    body = {"storefront": "web", "external_id": "u-1", "personal": {"name": "Ada"}}
    states = [customer(1, "Europe/Berlin", None)]
    calls = [around(post(0, "/v1/customers", "k0", body, 201, states[0]), 0, draw)]
    money: list[Event] = []
    for at in range(1, draw(st.integers(2, 12))):
        now, key = states[-1], f"k{at}"
        match draw(st.sampled_from(["change", "change", "never", "match", "read", "again", "money"])):
            case "money":
                states.append({**now, "version": now["version"] + 1})
                money.append(credited(states[-1]["version"]))
                continue
            case "change":
                zone = draw(st.sampled_from(ZONES))
                states.append(customer(now["version"] + 1, zone, None))
                call = unheard(post(at, MINE, key, {"timezone": zone}, 200, states[-1]), draw)
            case "never":
                call = post(at, MINE, key, {"timezone": draw(st.sampled_from(ZONES))}, None)
            case "match":
                stale, tag = {"if-match": '"99"'}, {"etag": f'"{now["version"]}"'}
                call = post(at, MINE, key, {"timezone": ZONES[0]}, 412, {"code": "version-mismatch"}, asked=stale, headers=tag)
            case "read":
                seen = draw(st.sampled_from(states))
                call = get(at, MINE, "0@1", seen["version"], answer=seen)
            case _:
                call = post(at, "/v1/customers", key, body, 409, {"code": "customer-exists"})
        calls.append(around(call, at, draw))
    return calls, money


@st.composite
def subscriptions(draw: st.DrawFn) -> tuple[list[Call], list[Event]]:
    """The same of a subscription, which goes on by itself as well."""
    states = [subscription(TRIAL, 1, state="trial")]
    calls = [around(post(0, "/v1/subscriptions", "k0", {"customer": CUSTOMER, "price": "trial"}, 201, states[0]), 0, draw)]
    for at in range(1, draw(st.integers(2, 12))):
        now, key = states[-1], f"k{at}"
        going_on: dict[str, Any] = {**now, "version": now["version"] + 1}
        match draw(st.sampled_from(["by itself", "cancel", "never", "read", "match"])):
            case "by itself":
                states.append(going_on | {"state": "cancelled" if now["cancel_at"] else now["state"]})
                continue
            case "never":
                call = post(at, f"{OURS}/cancel", key, {"at": draw(st.sampled_from(["now", "period_end"]))}, None)
            case "cancel" if now["state"] == "cancelled":
                call = post(at, f"{OURS}/cancel", key, {"at": "now"}, 409, {"code": "wrong-subscription-state"})
            case "cancel" if now["cancel_at"]:
                call = post(at, f"{OURS}/cancel", key, {"at": "period_end"}, 409, {"code": "end-already-scheduled"})
            case "cancel":
                ends, end = draw(st.sampled_from([("now", {"state": "cancelled"}), ("period_end", {"cancel_at": TRIAL_END})]))
                states.append(going_on | end)
                call = unheard(post(at, f"{OURS}/cancel", key, {"at": ends}, 200, states[-1]), draw)
            case "read":
                seen = draw(st.sampled_from(states))
                call = get(at, OURS, "0@1", seen["version"], answer=seen)
            case _:
                stale, tag = {"if-match": '"99"'}, {"etag": f'"{now["version"]}"'}
                call = post(at, f"{OURS}/cancel", key, {"at": "now"}, 412, {"code": "version-mismatch"}, asked=stale, headers=tag)
        calls.append(around(call, at, draw))
    return calls, []


def explained(calls: list[Call], money: list[Event]) -> bool:
    """Whether the search explains what was told."""
    commands = [Command("", "", (event,)) for event in money]
    return not list(linearizable(calls, {"0": Partition("0", commands)}))


@given(st.one_of(customers(), subscriptions()))
def test_what_one_object_answers_is_explained(told: tuple[list[Call], list[Event]]) -> None:
    assert explained(*told)


@given(st.one_of(customers(), subscriptions()), st.data())
def test_an_answer_from_before_what_was_acknowledged_is_not(told: tuple[list[Call], list[Event]], data: st.DataObject) -> None:
    calls, money = told
    last = data.draw(st.sampled_from([call for call in calls if call.method == "POST" and call.acknowledged]))
    late = max(call.end for call in calls) + 1
    stale = post(late, f"{MINE if 'payment_method' in last.answer else OURS + '/cancel'}", "late", {"at": "now"}, 404, {})

    assert not explained([*calls, stale], money)
    version = {"etag": f'"{last.answer["version"] - 1}"'}
    behind = replace(stale, status=412, headers=version, asked={"if-match": '"99"'})
    assert not explained([*calls, behind], money)


def test_a_version_to_which_nothing_went_is_not() -> None:
    body = {"storefront": "web", "external_id": "u-1", "personal": {"name": "Ada"}}
    made = post(0, "/v1/customers", "k0", body, 201, customer(1, "Europe/Berlin", None))
    changed = post(1, MINE, "k1", {"timezone": ZONES[0]}, 200, customer(3, ZONES[0], None))

    assert not explained([made, changed], [])
    assert explained([made, changed], [credited(2)])
