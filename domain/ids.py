"""Ids: ``<prefix>_<routing><rest>``, hex. The routing hash is the customer's, in every id of the customer's things, so that an id
alone says which partition it lives in. Keyed hashes, so that an id tells nothing of what it was made from.
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache

CUSTOMER, SUBSCRIPTION, INVOICE, PAYMENT, USAGE = "cus", "sub", "inv", "pay", "use"
KINDS = {CUSTOMER: "customer", SUBSCRIPTION: "subscription", INVOICE: "invoice", PAYMENT: "payment", USAGE: "usage"}
_ROUTING = 8
_LENGTH = 28
_PATTERN = re.compile(rf"(cus|sub|inv|pay|use)_[0-9a-f]{{{_LENGTH}}}")


def keyed_hash(secret: bytes, *parts: str) -> str:
    """HMAC-SHA-256 of the parts, each with its length, as 64 hex digits."""
    mac = _mac(secret).copy()
    mac.update(b"".join([b"%d:%b" % (len(part), part) for part in map(str.encode, parts)]))
    return mac.hexdigest()


@lru_cache(maxsize=16)
def _mac(secret: bytes) -> hmac.HMAC:
    """Copied for each hash: hmac.digest would let go of the interpreter every time, and wait to have it back."""
    return hmac.new(secret, digestmod="sha256")


def is_id(text: str, prefix: str) -> bool:
    """Whether the text has the form of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None


def routing_hash(id: str) -> str:
    """The eight hex digits that route an id."""
    assert _PATTERN.fullmatch(id), id
    return id[4 : 4 + _ROUTING]


def partition_of(id: str, partitions: int) -> str:
    """The ledger partition, as text, that an id lives in."""
    return str(int(routing_hash(id), 16) % partitions)


def customer_id(secret: bytes, tenant: str, storefront: str, external_id: str | None, key: str) -> str:
    """A customer's id: of the tenant, storefront and external id where there is one, else of the command's key."""
    if external_id is not None:
        return f"{CUSTOMER}_{keyed_hash(secret, tenant, storefront, 'external', external_id)[:_LENGTH]}"
    return f"{CUSTOMER}_{keyed_hash(secret, tenant, storefront, 'key', key)[:_LENGTH]}"


def nobody(id: str) -> str:
    """A customer's id that nobody has, in the partition that an id lives in."""
    return f"{CUSTOMER}_{routing_hash(id)}{'0' * (_LENGTH - _ROUTING)}"


def routed(prefix: str, id: str, rest: str) -> str:
    """An id with a prefix that lives where another one does."""
    return f"{prefix}_{routing_hash(id)}{rest[: _LENGTH - _ROUTING]}"


class IdSequence:
    """The ids that one command makes, in order: the same command makes the same ids however often it is decided."""

    def __init__(self, secret: bytes, tenant: str, customer: str, command_id: str) -> None:
        self._secret = secret
        self._scope = (tenant, customer, command_id)
        self._made: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        """The next id with this prefix, routed as the customer is."""
        ordinal = self._made[prefix] = self._made.get(prefix, 0) + 1
        tenant, customer, command_id = self._scope
        rest = keyed_hash(self._secret, tenant, customer, command_id, prefix, str(ordinal))
        return routed(prefix, customer, rest)
