"""Ids: the routing hash is the customer's in all its children; keyed hashes have known values."""

from __future__ import annotations

import hmac
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import (
    CUSTOMER,
    INVOICE,
    PAYMENT,
    SUBSCRIPTION,
    IdSequence,
    customer_id,
    is_id,
    keyed_hash,
    partition_of,
    routing_hash,
)

SECRET = b"0123456789abcdef0123456789abcdef"
texts = st.text(max_size=20)


def test_a_keyed_hash_is_hmac_sha256_over_the_parts_with_their_lengths() -> None:
    assert keyed_hash(SECRET, "acme", "é") == hmac.new(SECRET, b"4:acme2:\xc3\xa9", sha256).hexdigest()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((), "796cd3078af14636753d26b3b5555422ff55a3e261cf847b48e95371b9bd0aa2"),
        (("acme",), "6f56b565e8597e662ef9feb2047b66ea97806fe5f9d0067bdc4cd7de5ab9c05a"),
        (("acme", "web", "external", "7590-VHVEG"), "a8d4e6df160930dfdac3fa2bfabdf4117742681ffcb4aaa26b3335fbc746a8ef"),
    ],
)
def test_keyed_hashes_never_change(parts: tuple[str, ...], expected: str) -> None:
    """Stored ids rest on these values: another value would make another customer of the same external id."""
    assert keyed_hash(SECRET, *parts) == expected


def test_a_customers_id_never_changes() -> None:
    assert customer_id(SECRET, "acme", "web", "7590-VHVEG", "key") == "cus_a8d4e6df160930dfdac3fa2bfabd"
    assert customer_id(SECRET, "acme", "web", None, "key") == "cus_13bb101396ff9a275bf9acceaa27"


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4))
def test_other_parts_other_hash(parts: list[str], others: list[str]) -> None:
    assert (keyed_hash(SECRET, *parts) == keyed_hash(SECRET, *others)) == (parts == others)


@given(texts, texts)
def test_a_customer_with_an_external_id_is_one_whatever_the_key(key: str, other: str) -> None:
    assert customer_id(SECRET, "acme", "web", "x1", key) == customer_id(SECRET, "acme", "web", "x1", other)
    assert (customer_id(SECRET, "acme", "web", None, key) == customer_id(SECRET, "acme", "web", None, other)) == (key == other)


def test_external_ids_are_unique_per_tenant_and_storefront_only() -> None:
    ids = {customer_id(SECRET, tenant, web, "x1", "k") for tenant in ("acme", "umbrella") for web in ("web", "app")}
    assert len(ids) == 4


def test_an_external_id_is_never_taken_for_a_key() -> None:
    assert customer_id(SECRET, "acme", "web", "x1", "k") != customer_id(SECRET, "acme", "web", None, "x1")


@given(texts, texts, st.lists(st.sampled_from([SUBSCRIPTION, INVOICE, PAYMENT]), min_size=1, max_size=12), st.integers(1, 64))
def test_all_ids_of_a_command_route_as_their_customer(external_id: str, command: str, kinds: list[str], partitions: int) -> None:
    customer = customer_id(SECRET, "acme", "web", external_id, "k")
    ids = IdSequence(SECRET, "acme", customer, command)
    made = [ids.new(kind) for kind in kinds]
    assert all(is_id(id, kind) for id, kind in zip(made, kinds, strict=True))
    assert {routing_hash(id) for id in made} == {routing_hash(customer)}
    assert {partition_of(id, partitions) for id in made} == {partition_of(customer, partitions)}
    assert 0 <= int(partition_of(customer, partitions)) < partitions
    assert len(set(made)) == len(made)
    again = IdSequence(SECRET, "acme", customer, command)
    assert [again.new(kind) for kind in kinds] == made


def test_another_command_makes_other_ids() -> None:
    customer = customer_id(SECRET, "acme", "web", "x1", "k")
    made = {
        IdSequence(SECRET, tenant, customer, command).new(INVOICE) for tenant in ("acme", "umbrella") for command in ("a", "b")
    }
    assert len(made) == 4


def test_the_partition_is_the_routing_hash_modulo_their_number() -> None:
    assert partition_of("cus_0000000d" + "0" * 20, 12) == "1"
    assert partition_of("pay_ffffffff" + "0" * 20, 12) == str(0xFFFFFFFF % 12)


@pytest.mark.parametrize(
    "text",
    ["", "cus_", f"cus_{0:027}", f"cus_{0:029}", "cus_" + "g" * 28, "cus_" + "A" * 28, f"sub_{0:028}", f"cus_{0:028}\n"],
)
def test_what_is_not_a_customers_id(text: str) -> None:
    assert not is_id(text, CUSTOMER)


def test_customers_spread_over_the_partitions() -> None:
    counts = [0] * 12
    for n in range(6_000):
        counts[int(partition_of(customer_id(SECRET, "acme", "web", str(n), ""), 12))] += 1
    assert min(counts) > 400
    assert max(counts) < 600
