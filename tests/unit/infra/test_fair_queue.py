"""The queue of a partition: order within a tenant, turns between tenants, and a place for whoever has nothing waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.node.queue import FairQueue

LIMIT = 12


def anybody(_: str) -> bool:
    return True


def full_of(*tenants: str) -> FairQueue[str]:
    """A queue in which each of these tenants has taken, in turn with the others, all that it was given."""
    queue = FairQueue[str]("0", LIMIT)
    while any(queue.quota(tenant).left for tenant in tenants):
        for tenant in tenants:
            if queue.quota(tenant).left:
                queue.put(tenant, tenant)
    return queue


def test_one_with_a_single_command_does_not_wait_behind_a_backlog() -> None:
    queue = FairQueue[str]("0", LIMIT)
    for item in ("a1", "a2", "a3"):
        queue.put("a", item)
    queue.put("b", "b1")
    assert [queue.take(anybody) for _ in range(4)] == ["a1", "b1", "a2", "a3"]


def test_who_is_not_ready_keeps_the_turn() -> None:
    queue = FairQueue[str]("0", LIMIT)
    for item in ("a1", "b1", "b2"):
        queue.put(item[0], item)
    assert [queue.take(lambda tenant: tenant == "b") for _ in range(3)] == ["b1", "b2", None]
    assert ("a" in queue, "b" in queue) == (True, False)


def test_a_tenant_has_half_of_it_alone_and_less_beside_another_one() -> None:
    assert len(full_of("a")) == LIMIT // 2
    assert len(full_of("a", "b")) == 2 * LIMIT // 3


def test_whoever_has_nothing_waiting_finds_a_place_until_there_is_none() -> None:
    queue = full_of("a", "b", "c")
    for number in range(LIMIT - len(queue)):
        assert queue.quota(f"one-{number}").left
        assert not queue.quota(f"one-{number}").full
        queue.put(f"one-{number}", "")
    assert (queue.quota("new").left, queue.quota("new").full) == (0, True)


def test_what_has_waited_too_long_is_taken_out() -> None:
    queue = FairQueue[int]("0", LIMIT)
    for number in (1, 2, 9):
        queue.put("a", number)
    queue.put("b", 3)
    assert sorted(queue.take_while(lambda item: item < 5)) == [1, 2, 3]
    assert (len(queue), list(queue)) == (1, [9])


@given(st.lists(st.one_of(st.sampled_from("abc"), st.none())))
def test_each_tenant_is_served_in_its_order_and_nothing_is_lost(steps: list[str | None]) -> None:
    """A letter comes where there is a place for it; None takes what is next."""
    queue, given_, taken = FairQueue[tuple[str, int]]("0", LIMIT), list[tuple[str, int]](), list[tuple[str, int]]()
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
    queue = FairQueue[str]("0", LIMIT)
    for tenant in items:
        queue.put(tenant, tenant)
    taken = [queue.take(anybody) for _ in items]
    tenants: set[str | None] = set(items)
    while tenants:
        turn = taken[: len(tenants)]
        assert set(turn) == tenants
        taken = taken[len(tenants) :]
        tenants = set(taken)
