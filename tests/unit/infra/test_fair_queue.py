"""The queues of a node: order within a tenant, turns between tenants, and a place for whoever has nothing waiting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from infra.node.queue import FairQueue, Places

LIMIT = 12


def anybody(_: str) -> bool:
    return True


def alone(limit: int = LIMIT) -> FairQueue[str]:
    """The queue of a node with one partition."""
    return FairQueue("0", Places(limit))


def fill(queues: Sequence[FairQueue[str]], tenants: str) -> None:
    """Let each tenant, a letter, take in each queue all that it is given, in turn with the others."""
    while any(queue.quota(tenant).left for queue in queues for tenant in tenants):
        for queue, tenant in product(queues, tenants):
            if queue.quota(tenant).left:
                queue.put(tenant, tenant)


def test_one_with_a_single_command_does_not_wait_behind_a_backlog() -> None:
    queue = alone()
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    queue.put("b", "b1")
    assert [queue.take(anybody) for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_who_is_not_ready_keeps_the_turn() -> None:
    queue = alone()
    for item in ("a1", "b1", "b2"):
        queue.put(item[0], item)
    assert [queue.take(lambda tenant: tenant == "b") for _ in range(3)] == ["b1", "b2", None]
    assert ("a" in queue, "b" in queue) == (True, False)


def test_a_tenant_has_a_third_of_it_alone_and_less_beside_another_one() -> None:
    one, two = alone(), alone(limit=50)
    fill([one], "a")
    fill([two], "ab")
    assert len(one) == one.quota("a").limit == LIMIT // 3
    assert len(two) == 2 * 50 // 5


def test_whoever_has_nothing_waiting_finds_a_place_until_the_partition_has_half_of_all() -> None:
    queue = alone()
    fill([queue], "a")
    for number in range(LIMIT // 2 - len(queue)):
        assert queue.quota(f"one-{number}").left
        assert not queue.quota(f"one-{number}").full
        queue.put(f"one-{number}", "")
    assert (queue.quota("new").left, queue.quota("new").full) == (0, True)


@given(st.integers(min_value=1, max_value=12), st.sampled_from(["a", "ab", "abcd"]))
def test_partitions_that_stand_still_leave_places_for_the_others(standing: int, tenants: str) -> None:
    places = Places(1000)
    *stuck, other = (FairQueue[str](str(number), places) for number in range(standing + 1))
    fill(stuck, tenants)
    assert other.quota("a").left
    assert places.taken == sum(map(len, stuck))


def test_a_partition_that_is_served_no_more_takes_no_places() -> None:
    places = Places(LIMIT)
    queue = FairQueue[str]("0", places)
    fill([queue], "ab")
    waiting = len(queue)
    assert len(queue.take_all()) == waiting
    assert (len(queue), places.taken) == (0, 0)


def test_what_has_waited_too_long_is_taken_out() -> None:
    queue = FairQueue[int]("0", Places(LIMIT))
    for number in (1, 2, 9):
        queue.put("a", number)
    queue.put("b", 3)
    assert sorted(queue.take_while(lambda item: item < 5)) == [1, 2, 3]
    assert (len(queue), list(queue)) == (1, [9])


@given(st.lists(st.one_of(st.sampled_from("abc"), st.none())))
def test_each_tenant_is_served_in_its_order_and_nothing_is_lost(steps: list[str | None]) -> None:
    """A letter comes where there is a place for it; None takes what is next."""
    queue, given_, taken = FairQueue[tuple[str, int]]("0", Places(LIMIT)), list[tuple[str, int]](), list[tuple[str, int]]()
    for number, tenant in enumerate(steps):
        if tenant is not None and queue.quota(tenant).left:
            queue.put(tenant, (tenant, number))
            given_.append((tenant, number))
        elif tenant is None and (item := queue.take(anybody)) is not None:
            taken.append(item)
        assert len(queue) == len(given_) - len(taken) <= LIMIT
    rest = list(queue)
    for tenant in "abc":
        assert [item for item in taken + rest if item[0] == tenant] == [item for item in given_ if item[0] == tenant]


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_nobody_waits_for_more_than_one_of_each_other_tenant(items: list[str]) -> None:
    queue = alone()
    for tenant in items:
        queue.put(tenant, tenant)
    taken = [queue.take(anybody) for _ in items]
    tenants: set[str | None] = set(items)
    while tenants:
        turn = taken[: len(tenants)]
        assert set(turn) == tenants
        taken = taken[len(tenants) :]
        tenants = set(taken)
