"""The vault: what is sealed opens in its place alone, and with its own keys alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands import ports
from infra.eventlog.log import LogUnavailable
from infra.vault import Damaged, Vault, VaultError, WrongMasterKey

MASTER = bytes(range(32))
STREAM, FIELD, KEY = "cus_0123456789abcdef0123456789ab", "personal", "acme/cus_0123456789abcdef0123456789ab"
WRAPPED = (
    "015883f3de2ef1029ff6891d04357257f893707166b88eb62a5f68c0510b31fcc731e5"
    "85ea76af7d57cc03f6dccd8750c09e755bce23c28a7f605e141d22010d56a6191684"
)
SEALED = "AXdcxoUcUNUdVW1N7-C_6kSMXTY7XMWLAcTtw0x_qPNx_-TVYjQZWbZdHQ"
JANE = {"name": "Jane Doe", "email": "jane@example.org"}

texts = st.text(st.characters(exclude_categories=["Cs"]))


class FakeKeys:
    def __init__(self, keys: dict[str, bytes]) -> None:
        self.keys = keys

    def get(self, key: str) -> bytes | None:
        return self.keys.get(key)

    def items(self) -> Iterator[tuple[str, bytes]]:
        return iter(self.keys.items())

    def close(self) -> None:
        pass


def vault(keys: dict[str, bytes] | None = None, master: bytes = MASTER) -> Vault:
    return Vault(master, FakeKeys(keys or {}))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_it_is_the_vault_that_the_write_side_asks_for() -> None:
    port: ports.Vault = vault()
    assert len(port.new_key()) == 69


@given(st.dictionaries(texts, texts), texts, texts)
def test_what_was_sealed_opens_again(clear: dict[str, str], stream: str, field: str) -> None:
    # given a data key
    wrapped = vault().new_key()
    # when one process seals and another, with the same master key, opens
    sealed = vault().seal(wrapped, stream, field, clear)
    # then the values are the same
    assert vault().unseal(wrapped, stream, field, sealed) == clear


def test_the_projector_opens_by_the_name_of_the_key() -> None:
    wrapped = vault().new_key()
    sealed = vault().seal(wrapped, STREAM, FIELD, JANE)
    assert vault({KEY: wrapped}).open(STREAM, FIELD, sealed, KEY) == JANE
    assert vault({KEY: wrapped}).wrapped_key(KEY) == wrapped


def test_a_key_that_is_gone_gives_nothing() -> None:
    sealed = vault().seal(vault().new_key(), STREAM, FIELD, JANE)
    assert vault().open(STREAM, FIELD, sealed, KEY) is None
    assert vault().unseal(None, STREAM, FIELD, sealed) is None


def test_nothing_clear_and_nothing_repeated_shows() -> None:
    # given the same values sealed twice under one key, and two keys
    wrapped = vault().new_key()
    first, second = (vault().seal(wrapped, STREAM, FIELD, JANE) for _ in range(2))
    # then the texts differ, hold nothing clear, and are safe in JSON, headers and addresses
    assert first != second
    assert "Jane" not in first
    assert set(first) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert vault().new_key() != vault().new_key()


def test_a_key_that_cannot_be_read_now_is_no_key_that_is_gone() -> None:
    class Away(FakeKeys):
        def get(self, key: str) -> bytes | None:
            raise LogUnavailable(key)

    away = Vault(MASTER, Away({}))
    with pytest.raises(ports.Unavailable):  # to whom a command is answered
        away.wrapped_key(KEY)
    with pytest.raises(LogUnavailable):  # to the projector, which waits
        away.open("cus_1", "personal", "sealed", KEY)


@pytest.mark.parametrize(
    ("stream", "field"), [("cus_other", FIELD), (STREAM, "other"), (STREAM + FIELD, ""), ("", STREAM + FIELD)]
)
def test_a_sealed_text_opens_in_no_other_place(stream: str, field: str) -> None:
    wrapped = vault().new_key()
    sealed = vault().seal(wrapped, STREAM, FIELD, JANE)
    with pytest.raises(Damaged, match=r"does not open"):
        vault().unseal(wrapped, stream, field, sealed)


def test_a_sealed_text_opens_with_no_other_data_key() -> None:
    sealed = vault().seal(vault().new_key(), STREAM, FIELD, JANE)
    with pytest.raises(Damaged, match=STREAM):
        vault().unseal(vault().new_key(), STREAM, FIELD, sealed)


# Sealed once: what is drawn must not hang on a nonce that differs from example to example.
ONE_KEY = vault().new_key()
ONE_TEXT = vault().seal(ONE_KEY, STREAM, FIELD, JANE)


@given(st.data())
def test_a_change_of_any_character_is_found(data: st.DataObject) -> None:
    wrapped, sealed = ONE_KEY, ONE_TEXT
    at = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.sampled_from("AB-_z=+/ é\n").filter(lambda character: character != sealed[at]))
    with pytest.raises(Damaged):
        vault().unseal(wrapped, STREAM, FIELD, sealed[:at] + other + sealed[at + 1 :])


@pytest.mark.parametrize("length", range(0, 30, 3))
def test_a_cut_text_is_found(length: int) -> None:
    wrapped = vault().new_key()
    with pytest.raises(Damaged):
        vault().unseal(wrapped, STREAM, FIELD, vault().seal(wrapped, STREAM, FIELD, JANE)[:length])


@given(st.integers(0, 69 * 8 - 1))
def test_a_change_of_any_bit_of_a_wrapped_key_is_found(bit: int) -> None:
    sealing = vault()
    wrapped = sealing.new_key()
    with pytest.raises(VaultError):
        sealing.seal(flipped(wrapped, bit), STREAM, FIELD, JANE)


@pytest.mark.parametrize("wrapped", [b"", b"\x01", b"\x02" + bytes(68), bytes(69), bytes(70)])
def test_what_is_no_wrapped_key_is_refused(wrapped: bytes) -> None:
    with pytest.raises(Damaged, match="no known format"):
        vault().seal(wrapped, STREAM, FIELD, JANE)


def test_another_master_key_is_named() -> None:
    wrapped = vault().new_key()
    sealed = vault().seal(wrapped, STREAM, FIELD, JANE)
    with pytest.raises(WrongMasterKey, match=wrapped[1:9].hex()) as caught:
        vault(master=os.urandom(32)).unseal(wrapped, STREAM, FIELD, sealed)
    assert MASTER.hex() not in str(caught.value)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        vault(master=bytes(size))


def test_a_text_sealed_in_this_format_opens_for_good() -> None:
    """Literals of format 1: every later version of this code must still open them."""
    assert vault().unseal(bytes.fromhex(WRAPPED), "cus_1", "personal", SEALED) == {"name": "Ada"}
