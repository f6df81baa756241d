"""What headers say, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import api_headers
from infra.http.problems import Problem

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'), min_size=1, max_size=255)
PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


@given(VISIBLE)
def test_a_bare_key_is_itself(key: str) -> None:
    assert api_headers.idempotency_key({b"idempotency-key": key.encode()}) == key


@given(PRINTABLE)
def test_a_structured_string_is_its_content(key: str) -> None:
    written = '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert api_headers.idempotency_key({b"idempotency-key": written.encode()}) == key


@given(st.binary(max_size=40))
def test_no_bytes_break_it(value: bytes) -> None:
    headers = dict.fromkeys((b"idempotency-key", b"if-match", b"ledger-reason"), value)
    for read in (api_headers.idempotency_key, api_headers.if_match, api_headers.reason):
        try:
            read(headers)
        except Problem as problem:
            assert problem.status == 400  # noqa: PT017  either it is read or it is refused


@pytest.mark.parametrize(
    ("value", "versions"),
    [(b' "12" ', [12]), (b'"1", "3"', [1, 3]), (b',"1",,"2" ,', [1, 2]), (b'W/"1"', []), (b'W/"1","2"', [2]),
     (b'"01"', []), (b'"0"', []), (b'"x,3"', []), (b'""', [])],
)  # fmt: skip
def test_if_match_names_versions(value: bytes, versions: list[int]) -> None:
    assert api_headers.if_match({b"if-match": value}) == frozenset(versions)


@pytest.mark.parametrize(
    "value", [b"", b",", b"1", b'"1" "2"', b'"1', b'*, "1"', b'"1", *', b'W/ "1"', b'"1",' + b" ," * 5000 + b"x"]
)
def test_if_match_that_is_none(value: bytes) -> None:
    with pytest.raises(Problem, match="entity tags"):
        api_headers.if_match({b"if-match": value})


def test_any_version_will_do() -> None:
    assert api_headers.if_match({b"if-match": b" * "}) is None
    assert api_headers.if_match({}) is None


def test_a_reason_is_utf_8() -> None:
    assert api_headers.reason({b"ledger-reason": "Kündigung per Brief".encode()}) == "Kündigung per Brief"
    with pytest.raises(Problem, match="UTF-8"):
        api_headers.reason({b"ledger-reason": b"\xff"})


def test_lists_may_stand_in_several_headers_and_single_values_may_not() -> None:
    found = api_headers.read([(b"prefer", b"wait=1"), (b"prefer", b"respond-async"), (b"cookie", b"x")])
    assert found == {b"prefer": b"wait=1,respond-async"}
    with pytest.raises(Problem, match="more than once"):
        api_headers.read([(b"x-tn", b"a"), (b"x-tn", b"a")])
