"""Customers, subscriptions and test clocks as plain sequential objects, and what each recorded call says of one: the models of
the search.

A customer's content changes by clients' commands alone, one version each: all of it is held against every answer. Beside that,
money goes to the account and from it by itself, at the versions that the log tells. A subscription goes on by itself, too (trials
end, periods are billed, charges fail), so its version may be ahead of what clients did, never behind; held against the answers is
whether it is to end, and whether it has ended. A test clock goes forward, by clients alone.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, NamedTuple, TypeVar

from tests.checker.counting import Partition
from tests.checker.history import Call, Violation
from tests.checker.linearizable import Operation, Undecided, stuck_at

RULE = "linearizable"
_MONEY = ("customer.credited.v1", "customer.credit_applied.v1", "customer.credit_refunded.v1")
ANY = "?"  # a part of a customer's content that no answer has shown yet
_CUSTOMER = re.compile(r"/v1/customers/(cus_[0-9a-f]{28})(/payment-method)?")
_SUBSCRIPTION = re.compile(r"/v1/subscriptions/(sub_[0-9a-f]{28})(/cancel)?")
_CLOCK = re.compile(r"/v1/test-clocks/([^/]+)/advance")


class Customer(NamedTuple):
    """Version 0: not there. The content as JSON texts. ``alone``: the versions to which it goes by itself."""

    version: int = 0
    timezone: str = ANY
    payment_method: str = ANY
    personal: str = ANY
    alone: frozenset[int] = frozenset()

    def reached(self) -> Iterator[Customer]:
        """As it is, and what becomes of it by itself."""
        version = self.version
        while self.version and version in {self.version, *self.alone}:
            yield self._replace(version=version)
            version += 1


class Subscription(NamedTuple):
    """Version 0: not there. It may end by itself where a client has ``scheduled`` that, or its ``term`` is fixed."""

    version: int = 0
    scheduled: bool = False
    term: bool = False
    ended: bool = False


class Clock(NamedTuple):
    """Version 0: not there."""

    version: int = 0
    now: datetime = datetime.min.replace(tzinfo=UTC)


S = TypeVar("S", Customer, Subscription, Clock)
Apply = Callable[[S], Sequence[S]]


def linearizable(calls: Sequence[Call], partitions: Mapping[str, Partition]) -> Iterator[Violation]:
    """One violation for each customer, subscription and clock whose answers no order explains."""
    alone: dict[str, set[int]] = defaultdict(set)
    for partition in partitions.values():
        for event in partition.events:
            if event.type in _MONEY:
                alone[event.stream].add(event.version)
    yield from _judge(_customers(calls), lambda id: Customer(alone=frozenset(alone.get(id, ()))))
    yield from _judge(_subscriptions(calls), lambda _: Subscription())
    yield from _judge(_clocks(calls), lambda _: Clock())


def _judge(operations: dict[str, list[Operation[S]]], initial: Callable[[str], S]) -> Iterator[Violation]:
    for id, own in operations.items():
        try:
            stuck = stuck_at(own, initial(id))
        except Undecided:
            yield Violation(RULE, f"{id}: undecided, too many calls of unknown outcome overlap")
            continue
        if stuck is not None:
            yield Violation(RULE, f"{id}: no order of the calls explains this answer", (stuck.shown_by,))


# Customers


def _customers(calls: Sequence[Call]) -> dict[str, list[Operation[Customer]]]:
    ids = {_external(call): str(call.answer["id"]) for call in calls if _registers(call) and call.acknowledged}
    operations: dict[str, list[Operation[Customer]]] = defaultdict(list)
    for write in writes(calls):
        if id := _customer_named(write.call, ids):
            apply = partial(_register if _registers(write.call) else _change_customer, write)
            operations[id].append(write.operation(apply))
    for call in calls:
        if (id := _customer_named(call, ids)) and (seen := _seen_of_customer(call)):
            operations[id].append(observation(call, seen))
    return operations


def _customer_named(call: Call, ids: Mapping[str, str]) -> str | None:
    """The customer that a call is about; None where it is about none, or where nobody was told the id."""
    found = _CUSTOMER.fullmatch(call.path)
    if found or not _registers(call):
        return found[1] if found else None
    return str(call.answer["id"]) if call.acknowledged else ids.get(_external(call))


def _registers(call: Call) -> bool:
    return call.method == "POST" and call.path == "/v1/customers"


def _external(call: Call) -> str:
    """What a customer's id is made of, and its second registration is refused for; without an external id, of the key."""
    external = (call.body or {}).get("external_id")
    return _text([call.tenant, call.body["storefront"], external] if external else [call.tenant, call.key])


def _register(write: Write, state: Customer) -> Sequence[Customer]:
    body = write.call.body
    content = _text(body.get("timezone") or ANY), _text(body.get("payment_method")), _personal(body.get("personal"))
    made = Customer(1, *content, state.alone)
    return _agreeing(made, write.call) if state.version == 0 else ()


def _change_customer(write: Write, state: Customer) -> Sequence[Customer]:
    found = list[Customer]()
    for before in state.reached():
        if write.permits(before.version):
            found += _agreeing(_changed(write.call, before), write.call)
    return found


def _changed(call: Call, state: Customer) -> Customer:
    body, changed = call.body or {}, state._replace(version=state.version + 1)
    if call.path.endswith("/payment-method"):
        changed = changed._replace(payment_method=_text(body.get("payment_method")))
    if body.get("timezone"):
        changed = changed._replace(timezone=_text(body["timezone"]))
    if "personal" in body:
        changed = changed._replace(personal=_personal(body["personal"]))
    return changed


def _agreeing(state: Customer, call: Call) -> Sequence[Customer]:
    """The state with all that the answer shows, if it does not contradict it; as it is where there was no answer."""
    return _shown(_customer_of(call.answer), state) if call.acknowledged else (state,)


def _seen_of_customer(call: Call) -> Apply[Customer] | None:
    """What an answer says of the customer without changing it; None where it says nothing."""
    match call.method, call.status:
        case "GET", 200:
            return partial(_shown, _customer_of(call.answer))
        case "GET", 304:
            return partial(_shown, Customer(_tag(call)))
        case "POST", 409 if call.code == "customer-exists":
            return lambda state: (state,) if state.version else ()
        case "POST", 412:
            return lambda state: () if permits(call, _tag(call)) else _at(state, _tag(call))
        case _, 404 if call.path != "/v1/customers":
            return lambda state: () if state.version else (state,)
    return None


def _shown(shown: Customer, state: Customer) -> Sequence[Customer]:
    pairs = list(zip(shown[1:4], state[1:4], strict=True))
    if any(ANY not in pair and pair[0] != pair[1] for pair in pairs):
        return ()
    timezone, method, personal = (known if seen == ANY else seen for seen, known in pairs)
    return [Customer(each.version, timezone, method, personal, each.alone) for each in _at(state, shown.version)]


def _at(state: Customer, version: int) -> Sequence[Customer]:
    return [each for each in state.reached() if each.version == version]


def _customer_of(answer: Any) -> Customer:
    return Customer(answer["version"], _text(answer["timezone"]), _text(answer["payment_method"]), _personal(answer["personal"]))


def _personal(given: Any) -> str:
    """Fields that are not given are the same as null."""
    return _text(given and {name: value for name, value in given.items() if value is not None})


def _text(value: Any) -> str:
    return ANY if value == ANY else json.dumps(value, sort_keys=True)


# Subscriptions


def _subscriptions(calls: Sequence[Call]) -> dict[str, list[Operation[Subscription]]]:
    operations: dict[str, list[Operation[Subscription]]] = defaultdict(list)
    for write in writes(calls):
        found = _SUBSCRIPTION.fullmatch(write.call.path)
        if found:
            operations[found[1]].append(write.operation(partial(_cancel, write)))
        elif write.call.path == "/v1/subscriptions" and write.call.acknowledged:
            operations[write.call.answer["id"]].append(write.operation(partial(_start, write)))
    for call in calls:
        found = _SUBSCRIPTION.fullmatch(call.path)
        if found and (seen := _seen_of_subscription(call)):
            operations[found[1]].append(observation(call, seen))
    return operations


def _start(write: Write, state: Subscription) -> Sequence[Subscription]:
    return () if state.version else (_subscription_of(write.call.answer),)


def _cancel(write: Write, state: Subscription) -> Sequence[Subscription]:
    """By the client, once; what happened by itself meanwhile may have moved the version on before."""
    call, now = write.call, write.call.body["at"] == "now"
    after = state._replace(version=state.version + 1, scheduled=state.scheduled or not now, ended=now)
    if not state.version or state.ended or (state.scheduled and not now):
        return ()
    if call.acknowledged:
        after = after._replace(version=call.answer["version"])
        if _subscription_of(call.answer) != after:
            return ()
    at = range(state.version, after.version)
    return (after,) if (write.versions is None and at) or any(one in at for one in write.versions or ()) else ()


def _seen_of_subscription(call: Call) -> Apply[Subscription] | None:
    match call.method, call.status:
        case "GET", 200:
            return partial(_went_on, _subscription_of(call.answer))
        case "POST", 412:
            tag = _tag(call)
            return lambda state: (state._replace(version=tag),) if 0 < state.version <= tag and not permits(call, tag) else ()
        case "POST", 409 if call.code == "wrong-subscription-state":
            return lambda state: (state._replace(ended=True),) if state.ended or state.scheduled or state.term else ()
        case "POST", 409 if call.code == "end-already-scheduled":
            return lambda state: (state,) if state.scheduled or state.term else ()
        case _, 404:
            return lambda state: () if state.version else (state,)
    return None


def _went_on(shown: Subscription, state: Subscription) -> Sequence[Subscription]:
    """From a state to one that is shown, by itself: later, and ended where it was, or where an end was set."""
    same = shown._replace(version=state.version, ended=state.ended) == state
    may_end = state.ended or state.scheduled or state.term
    fits = 0 < state.version <= shown.version and same and state.ended <= shown.ended <= may_end
    return (shown,) if fits else ()


def _subscription_of(answer: Any) -> Subscription:
    ended = answer["state"] in ("cancelled", "expired")
    return Subscription(answer["version"], answer["cancel_at"] is not None, answer["term_ends_at"] is not None, ended)


# Test clocks


def _clocks(calls: Sequence[Call]) -> dict[str, list[Operation[Clock]]]:
    operations: dict[str, list[Operation[Clock]]] = defaultdict(list)
    for write in writes(calls):
        if found := _CLOCK.fullmatch(write.call.path):
            operations[f"{write.call.tenant}/{found[1]}"].append(write.operation(partial(_advance, write)))
        elif write.call.path == "/v1/test-clocks" and write.call.acknowledged:
            operations[f"{write.call.tenant}/{write.call.answer['id']}"].append(write.operation(partial(_create, write)))
    for call in calls:
        if (found := _CLOCK.fullmatch(call.path)) and (call.status == 404 or call.code == "clock-backwards"):
            seen = _absent if call.status == 404 else partial(_later, _instant(call.body))
            operations[f"{call.tenant}/{found[1]}"].append(observation(call, seen))
    return operations


def _create(write: Write, state: Clock) -> Sequence[Clock]:
    return () if state.version else (Clock(write.call.answer["version"], _instant(write.call.answer)),)


def _advance(write: Write, state: Clock) -> Sequence[Clock]:
    call, after = write.call, Clock(state.version + 1, _instant(write.call.body))
    told = not call.acknowledged or after == Clock(call.answer["version"], _instant(call.answer))
    return (after,) if state.version and write.permits(state.version) and state.now <= after.now and told else ()


def _later(asked: datetime, state: Clock) -> Sequence[Clock]:
    return (state,) if state.now > asked else ()


def _absent(state: Clock) -> Sequence[Clock]:
    return () if state.version else (state,)


def _instant(given: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(given["now"])


# What all have in common


class Write(NamedTuple):
    """All calls with one key that asked for one thing: done at most once, by any of those that may have done it.

    ``call`` is one that was acknowledged, where there is one; ``versions`` what If-Match asked for, None: nothing.
    """

    call: Call
    begin: float
    end: float
    versions: frozenset[int] | None

    def permits(self, version: int) -> bool:
        return self.versions is None or version in self.versions

    def operation(self, apply: Apply[S]) -> Operation[S]:
        version = self.call.answer["version"] if self.call.acknowledged else None
        return Operation(self.begin, self.end, apply, str(self.call), version)


def writes(calls: Sequence[Call]) -> Iterator[Write]:
    """The commands that were done, or may have been."""
    same: dict[tuple[str, ...], list[Call]] = defaultdict(list)
    for number, call in enumerate(calls):
        if call.method == "POST" and not call.refused:
            same[call.tenant, call.key or str(number), call.path, json.dumps(call.body, sort_keys=True)].append(call)
    for attempts in same.values():
        acknowledged = [call for call in attempts if call.acknowledged or call.declined]
        asked = [versions_asked(call) for call in attempts]
        yield Write(
            call=(acknowledged or attempts)[0],
            begin=min(call.begin for call in attempts),
            end=min((call.end for call in acknowledged), default=inf),
            versions=None if None in asked else frozenset().union(*(versions or () for versions in asked)),
        )


def observation(call: Call, seen: Apply[S]) -> Operation[S]:
    """An answer that changed nothing. A read model may be behind, so a read shows any state from before its end; what it must
    not be behind is another rule's.
    """
    version = _tag(call) if call.status in (200, 304, 412) else None
    return Operation(-inf if call.method == "GET" else call.begin, call.end, seen, str(call), version, observes=True)


def versions_asked(call: Call) -> frozenset[int] | None:
    """The versions that If-Match permits; None: any."""
    given = call.asked.get("if-match", "*")
    return None if given.strip() == "*" else frozenset(map(int, re.findall(r'(?<!/)"(\d+)"', given)))


def permits(call: Call, version: int) -> bool:
    asked = versions_asked(call)
    return asked is None or version in asked


def _tag(call: Call) -> int:
    return int(call.headers["etag"].strip('"'))
