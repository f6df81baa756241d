"""A batch's lines, however the bytes come in; and what a line is taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.api import COMMANDS
from commands.api_front import RouteTable
from commands.api_lines import LINE_BYTES_MAX, LineSplitter, find_route, read_line
from infra.http.problems import Problem


def split(pieces: list[bytes]) -> list[tuple[int, bytes | None]]:
    splitter = LineSplitter()
    found = [line for piece in pieces for line in splitter.split(piece)]
    return [*found, *splitter.end()]


@given(st.lists(st.binary(max_size=20), max_size=12), st.booleans(), st.data())
def test_lines_do_not_depend_on_how_the_bytes_come(lines: list[bytes], ended: bool, data: st.DataObject) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    body = b"\n".join(lines) + (b"\n" if ended else b"")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert split(pieces) == [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def test_a_line_that_is_too_long_is_passed_over() -> None:
    half = b"x" * (LINE_BYTES_MAX // 2 + 1)
    assert split([b"a\n" + half, half, half + b"\nb"]) == [(1, b"a"), (2, None), (3, b"b")]
    assert split([half, half]) == [(1, None)]
    assert split([b"x" * LINE_BYTES_MAX]) == [(1, b"x" * LINE_BYTES_MAX)]


@pytest.mark.parametrize(
    ("text", "status", "pointer"),
    [
        (None, 413, None),
        (b"{", 400, None),
        (b"[1]", 422, ""),
        (b'{"path": "/v1/customers"}', 422, "/idempotency_key"),
        (b'{"idempotency_key": "", "path": "/v1/customers"}', 422, "/idempotency_key"),
        ('{"idempotency_key": "ü", "path": "/v1/customers"}'.encode(), 422, "/idempotency_key"),
        (b'{"idempotency_key": "a", "path": "customers"}', 422, "/path"),
        (b'{"idempotency_key": "a", "path": "/v1/customers", "body": 1}', 422, "/body"),
        (b'{"idempotency_key": "a", "path": "/v1/customers", "method": "POST"}', 422, "/method"),
        (b'{"idempotency_key": "a", "idempotency_key": "b", "path": "/v1/customers"}', 422, ""),
    ],
)
def test_what_is_no_line_is_told(text: bytes | None, status: int, pointer: str | None) -> None:
    with pytest.raises(Problem) as problem:
        read_line(text)
    assert problem.value.status == status
    assert [error.pointer for error in problem.value.errors] == ([] if pointer is None else [pointer])


@pytest.mark.parametrize(
    ("path", "found", "id"),
    [
        ("/v1/subscriptions", "/v1/subscriptions", ""),
        ("/v1/subscriptions/sub_1/cancel", "/v1/subscriptions/{id}/cancel", "sub_1"),
        ("/v1/customers/a%20b", "/v1/customers/{id}", "a b"),
    ],
)
def test_a_path_names_a_command_as_it_does_alone(path: str, found: str, id: str) -> None:
    route, _, found_id = find_route(RouteTable(COMMANDS), path)
    assert (route.path, found_id) == (found, id)


@pytest.mark.parametrize(("path", "status"), [("/v1/nothing", 404), ("/v1/commands:batch", 404), ("/v1/customers?dry=1", 422)])
def test_what_names_none_is_told(path: str, status: int) -> None:
    with pytest.raises(Problem) as problem:
        find_route(RouteTable(COMMANDS), path)
    assert problem.value.status == status
