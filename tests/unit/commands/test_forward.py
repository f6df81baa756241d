"""What of a request goes on to another node, and whose requests are taken from one."""

from __future__ import annotations

import pytest
from starlette.types import Scope

from commands.api_forward import FORWARDED_BY, headers_of, is_forwarded, ledger_mark
from commands.ports import Unavailable

SECRET, OTHER_SECRET = b"s" * 32, b"t" * 32
MARK = ledger_mark(SECRET, "kafka:cluster/topic/12/0")


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "headers": list(headers), "state": {"request_id": "r", "traceparent": "t"}}


def test_what_means_something_goes_on_and_nothing_else() -> None:
    # given a head with as many lines as one may have, and one that calls all the others its connection's own
    meant = [(b"authorization", b"Bearer k"), (b"if-match", b'"1"'), (b"prefer", b"wait=2"), (b"ledger-reason", "für".encode())]
    other = [(b"x-%d" % number, b"1") for number in range(94)]
    sent = scope(*meant, *other, (b"connection", b"authorization, if-match"), (b"idempotency-key", b"k"))
    # then no limit is passed by what goes on
    assert headers_of(sent, 'a"k') == [
        *((name.decode(), value.decode()) for name, value in meant),
        ("idempotency-key", '"a\\"k"'),
        ("request-id", "r"),
        ("traceparent", "t"),
    ]


def test_a_request_of_a_node_of_the_ledger_is_taken_as_one() -> None:
    assert not is_forwarded(scope(), MARK)
    assert is_forwarded(scope((FORWARDED_BY, MARK.encode())), MARK)


@pytest.mark.parametrize(
    "mark", [ledger_mark(OTHER_SECRET, "kafka:cluster/topic/12/0"), ledger_mark(SECRET, "kafka:copy/topic/12/0"), "", "a:8000"]
)
def test_a_request_of_another_ledgers_node_is_not(mark: str) -> None:
    with pytest.raises(Unavailable) as caught:
        is_forwarded(scope((FORWARDED_BY, mark.encode())), MARK)
    assert caught.value.code == "partition_not_served"  # so that it looks for another owner
