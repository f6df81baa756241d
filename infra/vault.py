"""The vault: personal data sealed under a data key for each customer, data keys wrapped by the master key; all AES-256-GCM.

    wrapped key  1 byte format, 8 bytes id of the master key, 12 bytes nonce, the encrypted data key (32 bytes) with its tag (16)
    sealed text  base64url without padding of: 1 byte format, 12 bytes nonce, the encrypted JSON object with its tag (16)

The associated data of a wrapped key is its first nine bytes; of a sealed text its stream and field, each with its length, so that
it opens nowhere else. Nonces are random: one master key wraps up to 2**32 data keys before a collision is worth a thought.
The id of the master key says which one to take, once there is more than one.

    VaultError
    ├── WrongMasterKey   a data key was wrapped by another master key
    └── Damaged          not what was sealed or wrapped here: changed, cut, of another stream or field, or of an unknown format
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from commands.ports import Unavailable
from infra.eventlog.log import Keys, LogUnavailable

_FORMAT = b"\x01"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MASTER_ID_BYTES = 8
_OPEN_KEYS_MAX = 4096


class VaultError(Exception):
    """Something sealed or wrapped cannot be opened."""


class WrongMasterKey(VaultError):
    """A data key was wrapped by another master key than the one this process was given."""


class Damaged(VaultError):
    """A sealed text or wrapped key is not as it was made here, or is not for this stream and field."""


class Vault:
    """Seals and opens under ``master_key`` (32 bytes); finds wrapped data keys, by ``tenant/customer``, in ``keys``.

    Any thread may use it, as far as ``keys`` allows.
    """

    def __init__(self, master_key: bytes, keys: Keys) -> None:
        if len(master_key) != _KEY_BYTES:
            raise ValueError(f"the master key has {len(master_key)} bytes, not {_KEY_BYTES}")
        self._master = AESGCM(master_key)
        self._prefix = _FORMAT + hmac.new(master_key, b"subledger master key id", sha256).digest()[:_MASTER_ID_BYTES]
        self._keys = keys
        self._data_key = lru_cache(_OPEN_KEYS_MAX)(self._unwrap)
        self._committed: OrderedDict[str, bytes] = OrderedDict()

    def new_key(self) -> bytes:
        """A fresh data key, wrapped by the master key."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._prefix + nonce + self._master.encrypt(nonce, os.urandom(_KEY_BYTES), self._prefix)

    def wrapped_key(self, key: str) -> bytes | None:
        """The wrapped data key of ``tenant/customer``, under which something was sealed; None: it was destroyed. Raises
        Unavailable.
        """
        try:
            return self._find(key)
        except LogUnavailable as error:
            raise Unavailable("log_unavailable", "The customer's data key cannot be read now.") from error

    def _find(self, key: str) -> bytes | None:
        return self._committed.get(key) or self._keys.get(key)

    def remember(self, key: str, wrapped: bytes) -> None:
        """This data key was committed just now: it can be found although the log's keys may not have been read that far."""
        self._committed[key] = wrapped
        if len(self._committed) > _OPEN_KEYS_MAX:
            self._committed.popitem(last=False)

    def seal(self, wrapped: bytes, stream: str, field: str, clear: Mapping[str, str]) -> str:
        """Sealed text of the clear values, which opens for this stream and field alone. Raises VaultError for the wrapped key."""
        nonce = os.urandom(_NONCE_BYTES)
        return _text(_FORMAT + nonce + self._data_key(wrapped).encrypt(nonce, orjson.dumps(clear), _place(stream, field)))

    def unseal(self, wrapped: bytes | None, stream: str, field: str, sealed: str) -> dict[str, str] | None:
        """The clear values, or None where the key is gone. Raises VaultError."""
        if wrapped is None:
            return None
        data = _bytes(sealed)
        if data is None or data[:1] != _FORMAT or len(data) < 1 + _NONCE_BYTES + _TAG_BYTES:
            raise Damaged(f"{field} of {stream} is no sealed text of a known format")
        nonce, encrypted = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
        try:
            clear = self._data_key(wrapped).decrypt(nonce, encrypted, _place(stream, field))
        except InvalidTag:
            raise Damaged(
                f"{field} of {stream} does not open: it was changed, or sealed for another place or by another key"
            ) from None
        values: dict[str, str] = orjson.loads(clear)
        return values

    def open(self, stream: str, field: str, sealed: str, key: str) -> dict[str, str] | None:
        """``unseal`` with the data key that ``tenant/customer`` has now: what a projector needs. Raises LogUnavailable."""
        return self.unseal(self._find(key), stream, field, sealed)

    def _unwrap(self, wrapped: bytes) -> AESGCM:
        prefix_end = len(self._prefix)
        prefix, nonce = wrapped[:prefix_end], wrapped[prefix_end : prefix_end + _NONCE_BYTES]
        if len(wrapped) != prefix_end + _NONCE_BYTES + _KEY_BYTES + _TAG_BYTES or prefix[:1] != _FORMAT:
            raise Damaged("a wrapped data key has no known format")
        if prefix != self._prefix:
            raise WrongMasterKey(f"a data key was wrapped by master key {prefix[1:].hex()}; given is {self._prefix[1:].hex()}")
        try:
            return AESGCM(self._master.decrypt(nonce, wrapped[prefix_end + _NONCE_BYTES :], prefix))
        except InvalidTag:
            raise Damaged("a wrapped data key does not open: it was changed") from None


def _place(stream: str, field: str) -> bytes:
    """Stream and field, each with its length, so that no other pair gives the same bytes."""
    return b"".join(b"%d:%s" % (len(part), part) for part in (stream.encode(), field.encode()))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes | None:
    """What ``_text`` made the text from; None for any text that it could not have made."""
    try:
        data = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if _text(data) == text else None
