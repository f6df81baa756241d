"""Positions, waits, entity tags and keys, as headers carry them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.catalog.api_keys import key_hash
from infra.http.auth import Authenticator, StoredKey
from infra.http.etags import etag, none_match
from infra.http.positions import format_positions, missing, parse_positions, parse_wait_s
from infra.http.problems import Problem
from tests.read_models.keys import new_key

vectors = st.dictionaries(st.one_of(st.just("catalog"), st.integers(0, 99).map(str)), st.integers(0, 10**17))


@given(vectors)
def test_positions_survive_the_header(vector: dict[str, int]) -> None:
    assert parse_positions(format_positions(vector)) == vector


def test_positions_are_in_the_partitions_order() -> None:
    assert format_positions({"catalog": 9, "10": 1, "2": 48122}) == "2@48122, 10@1, catalog@9"


def test_of_a_partition_named_twice_the_later_counts() -> None:
    assert parse_positions("1@5,1@3") == {"1": 5}


@given(vectors, vectors)
def test_what_is_missing_is_what_is_behind(required: dict[str, int], current: dict[str, int]) -> None:
    required = {name: sequence for name, sequence in required.items() if name in current}
    assert missing(required, current) == {n: s for n, s in required.items() if s > current[n]}


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [(None, 2), ("", 2), ("wait=5", 5), ("respond-async, Wait=0", 0), ("wait=3600", 10), ("wait=x", 2), ("wait=-1", 2)],
)
def test_a_wait_is_bounded(prefer: str | None, wait_s: float) -> None:
    assert parse_wait_s(prefer) == wait_s


def test_tags_for_readers_compare_weakly_for_writers_strongly() -> None:
    assert etag(3) == '"3"'
    assert none_match('W/"3"', 3)
    assert not none_match('"33"', 3)
    assert not none_match(None, 3)


ADMIN = "the admin's key"


def authenticate(token: str, tenant: str | None = None, *, stored: StoredKey | None = None) -> object:
    async def find(in_tenant: str, hashed: str) -> StoredKey | None:
        return stored if stored is not None and (in_tenant, hashed) == ("acme", stored.secret_hash) else None

    return asyncio.run(Authenticator("sandbox", ADMIN, find).authenticate(f"Bearer {token}", tenant))


def stored(text: str, *, revoked: bool = False) -> StoredKey:
    return StoredKey("key_1", key_hash(text), frozenset({"read"}), revoked)


def test_a_key_names_its_tenant_and_is_the_actor() -> None:
    text = new_key("sandbox", "acme")
    principal = authenticate(text, stored=stored(text))
    assert (principal.tenant, principal.actor, principal.is_admin) == ("acme", "key_1", False)  # type: ignore[attr-defined]


@pytest.mark.parametrize("tenant", ["with_underscore", "a-b", "A1"])
def test_a_key_of_any_tenants_name_parses(tenant: str) -> None:
    async def find(in_tenant: str, hashed: str) -> StoredKey:
        assert in_tenant == tenant
        return StoredKey("key_1", hashed, frozenset(), False)

    text = new_key("sandbox", tenant)
    assert asyncio.run(Authenticator("sandbox", None, find).authenticate(f"bearer {text}", None)).tenant == tenant


def refusal(token: str, tenant: str | None = None, of: StoredKey | None = None) -> tuple[int, str]:
    with pytest.raises(Problem) as refused:
        authenticate(token, tenant, stored=of)
    return refused.value.status, refused.value.code


def test_who_is_refused() -> None:
    text, other = new_key("sandbox", "acme"), new_key("sandbox", "acme")
    assert refusal(text, of=stored(other)) == (401, "unauthenticated")
    assert refusal(text, of=stored(text, revoked=True)) == (401, "unauthenticated")
    assert refusal(new_key("live", "acme")) == (401, "unauthenticated")
    assert refusal(text, "other", of=stored(text)) == (403, "tenant-mismatch")
    assert refusal(ADMIN + "x") == (401, "unauthenticated")


def test_without_an_admin_key_there_is_no_admin() -> None:
    async def find(_tenant: str, _hashed: str) -> None:
        return None

    for admin_key in (None, ""):
        with pytest.raises(Problem, match="401"):
            asyncio.run(Authenticator("sandbox", admin_key, find).authenticate(f"Bearer {admin_key}", "acme"))
