"""Who sends commands to a node: alone or beside others, and too many of them."""

from __future__ import annotations

from structlog.testing import capture_logs

from infra.node.tenants import AHEAD_MAX, NAMED_S, SHARED_AHEAD_MAX, SHARED_S, Tenants


class Clock:
    now = 1.0

    def __call__(self) -> float:
        return self.now


def test_one_that_was_alone_for_a_while_has_more_on_its_way() -> None:
    clock = Clock()
    tenants = Tenants("0123", clock)
    tenants.sent("acme")
    assert tenants.ahead_max() == AHEAD_MAX
    tenants.sent("other")
    clock.now += SHARED_S
    tenants.sent("other")
    assert tenants.ahead_max() == SHARED_AHEAD_MAX // 4
    clock.now += 1
    assert tenants.ahead_max() == AHEAD_MAX


def test_who_sends_too_much_is_named_once_in_a_while() -> None:
    clock = Clock()
    tenants = Tenants("0123", clock)
    with capture_logs() as captured:
        for at in (1, 2, NAMED_S, NAMED_S + 1, NAMED_S + 2):
            clock.now = at
            tenants.refused("acme", "3")
        tenants.refused("other", "3")
    assert [line["tenant"] for line in captured] == ["acme", "acme", "other"]
