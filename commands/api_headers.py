"""What a command's headers say, read in one pass. Every function raises a Problem with status 400 for what it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from infra.http.problems import Problem

Headers = Mapping[bytes, bytes]

_REASON_MAX = 500
REASON_PATTERN = f"^[^\\x00-\\x1f\\x7f]{{0,{_REASON_MAX}}}$"

_SINGLE = frozenset({b"authorization", b"x-tn", b"idempotency-key", b"ledger-reason", b"content-type"})
_LISTS = frozenset({b"if-match", b"if-none-match", b"ledger-min-position", b"prefer"})
# All that mean something here, beside those of the request's trace.
NAMES = _SINGLE | _LISTS
# A structured-field string, or what many clients send: the bare key.
_KEY = re.compile(rb'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"|([\x21\x23-\x7e][\x21-\x7e]*)')
_KEY_BYTES_MAX = 255
_TAG = rb'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
# A list may have empty elements (RFC 9110, 5.6.1).
_TAGS = re.compile(rb"(?:[ \t,]*%b[ \t]*(?=,|\Z))+[ \t,]*" % _TAG)
_VERSION = re.compile(rb'"([1-9][0-9]{0,17})"')


def read(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers that mean something here, by lower-case name."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _SINGLE:
            if name in found:
                raise malformed(name.decode(), "It stands there more than once.")
            found[name] = value
        elif name in _LISTS:
            found[name] = found[name] + b"," + value if name in found else value
    return found


def malformed(name: str, detail: str) -> Problem:
    """400 for one header."""
    return Problem(400, "malformed-header", f"The header {name} cannot be read", detail)


def idempotency_key(headers: Headers) -> str | None:
    """The caller's key, or None where there is none."""
    value = headers.get(b"idempotency-key")
    if value is None:
        return None
    match = _KEY.fullmatch(value.strip())
    if match is None:
        raise malformed("Idempotency-Key", "It is a string in double quotes, or a token of visible ASCII characters.")
    key = match[2] if match[1] is None else re.sub(rb"\\(.)", rb"\1", match[1])
    if len(key) > _KEY_BYTES_MAX:
        raise malformed("Idempotency-Key", f"It has more than {_KEY_BYTES_MAX} characters.")
    return key.decode()


def if_match(headers: Headers) -> frozenset[int] | None:
    """The versions of which the resource must have one; None: any. A weak tag never matches (RFC 9110, 13.1.1), nor does one
    that is not ours.
    """
    value = headers.get(b"if-match", b"*").strip()
    if value == b"*":
        return None
    if _TAGS.fullmatch(value) is None:
        raise malformed("If-Match", 'It is * or entity tags, such as "3".')
    tags = map(_VERSION.fullmatch, re.findall(_TAG, value))
    return frozenset(int(tag[1]) for tag in tags if tag is not None)


def text(headers: Headers, name: bytes) -> str | None:
    """A header's text, or None where it is not there."""
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def reason(headers: Headers) -> str:
    """Why it is done (``Ledger-Reason``, UTF-8), or nothing."""
    try:
        given = headers.get(b"ledger-reason", b"").decode().strip()
    except UnicodeDecodeError:
        raise malformed("Ledger-Reason", "It is not UTF-8.") from None
    if len(given) > _REASON_MAX or not given.isprintable():
        raise malformed("Ledger-Reason", f"It has at most {_REASON_MAX} characters, none of them a control character.")
    return given
