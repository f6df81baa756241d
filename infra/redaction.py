"""Keeps secrets and personal data out of the logs.

Three nets, each for what the one before cannot see:

names      a value whose name may stand for a secret or a person (``authorization``, ``customerName``, ``body``) is masked
types      only plain values and containers are written out; of bytes and objects the type alone: their text may hold anything
patterns   in text: credentials, API keys, e-mail addresses, phone numbers, query strings, and all from a sensitive name on

Exceptions are shown without what libraries quote in them: a validation error without its input, a database's without its values.
A person's bare name in free text passes all three: never put one into a message.
"""

from __future__ import annotations

import math
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from uuid import UUID

from fastapi.exceptions import ValidationException
from pydantic import ValidationError
from structlog.types import EventDict, WrappedLogger

MASK = "[hidden]"

# Anywhere in a name, so that firstname and x-api-token are found.
_PARTS = (
    "address", "apikey", "authoriz", "birth", "cookie", "credential", "email", "firstname", "fullname", "lastname", "passw",
    "personal", "phone", "postal", "postcode", "secret", "signature", "surname", "token", "username",
)  # fmt: skip
# As a word of a name, alone or in the plural: each is part of harmless ones (monkey, hostname, database).
_WORDS = frozenset((
    "addr", "arg", "body", "card", "city", "client", "conninfo", "content", "cvc", "cvv", "data", "dob", "dsn", "form", "header",
    "iban", "ip", "json", "jwt", "key", "mail", "mobile", "name", "pan", "param", "payload", "pin", "query", "sealed", "session",
    "street", "tel", "value", "wrapped", "zip",
))  # fmt: skip
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PLAIN = (date, datetime, time, timedelta, Decimal, PurePath, UUID)
_META = ("_record", "_from_structlog")
_TEXT_MAX = 4000
_DEPTH_MAX = 8

# A name and what parts it from its value, as repr, JSON, headers and connection strings write it, with escaped quotes, too. The
# number that asyncio gives a task as its name is nobody's, and a client's command id is a hash.
_NAMED = re.compile(r"""(?<![\w.-])(?!name='Task-\d+'|client:[0-9a-f]{64}\b)(?P<name>[\w.-]+)(?:\\*['"]\s*[,:=]|\s*[:=])\s*""")
_SCHEME = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_API_KEY = re.compile(r"\bsl_[A-Za-z0-9-]+_[\w-]+|\badmin_[0-9a-f]{16,}")
_USERINFO = re.compile(r"://[^/\s@]*@")
_EMAIL = re.compile(r"""[^\s@<>"'(),;:=/]{1,64}@[^\s@<>"'(),;:=/]+\.[^\W\d_]{2,}""")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,}\d")
_QUERY = re.compile(r"""\?[\w.~%+\[\]-]+=[^\s"'<>]*""")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: the event with everything masked that should be, and its exception as text."""
    raised = _raised(event.pop("exc_info", None))
    clean: EventDict = {name: value if name in _META else _named(name, value, 0) for name, value in event.items()}
    if raised is not None:
        clean["exception"] = exception_text(raised)
    return clean


@lru_cache(4096)
def is_sensitive(name: str) -> bool:
    """Whether a value of this name may be a secret or about a person."""
    flat = re.sub(r"[\W_]", "", name).lower()
    return any(part in flat for part in _PARTS) or any(
        word.lower() in _WORDS or word.lower().removesuffix("s") in _WORDS for word in _WORD.findall(name)
    )


def clean_text(text: str) -> str:
    """The text without what looks like a secret or personal data, and without control characters; at most 4,000 characters.

    From a sensitive name on all is hidden: where its value ends cannot be told in free text.
    """
    text = text[:_TEXT_MAX]
    for found in _NAMED.finditer(text):
        if is_sensitive(found["name"]):
            text = text[: found.end()] + MASK
            break
    text = _SCHEME.sub(rf"\1 {MASK}", text)
    text = _API_KEY.sub(MASK, text)
    if "@" in text:
        text = _EMAIL.sub(MASK, _USERINFO.sub(f"://{MASK}@", text))
    return _CONTROL.sub("�", _QUERY.sub(f"?{MASK}", _PHONE.sub(MASK, text)))


def exception_text(error: BaseException) -> str:
    """The traceback with its causes, the first cause first. Messages are cleaned; source lines are shown, variables are not."""
    chain = [error]
    while (before := _before(chain[-1])) is not None and before not in chain:
        chain.append(before)
    return "\n\nthen:\n\n".join(_one_exception(link) for link in reversed(chain))


def error_text(error: BaseException) -> str:
    """The error's type and what may be told of its message."""
    return f"{type(error).__module__}.{type(error).__qualname__}: {_message(error)}".removeprefix("builtins.")


def _named(name: str, value: object, depth: int) -> object:
    return MASK if value is not None and is_sensitive(name) else _value(value, depth)


def _value(value: object, depth: int) -> object:
    match value:
        case None | bool() | int():
            return value
        case str():
            return clean_text(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case BaseException():
            return error_text(value)
        case _ if isinstance(value, _PLAIN):
            return clean_text(str(value))
        case Mapping() | list() | tuple() | set() | frozenset() if depth >= _DEPTH_MAX:
            return MASK
        case Mapping():
            return {clean_text(str(name)): _named(str(name), inner, depth + 1) for name, inner in value.items()}
        # A pair is a name and a value as well: headers come as lists of them.
        case (str() | bytes() as name, _) if is_sensitive(name if isinstance(name, str) else name.decode("latin-1")):
            return [_value(name if isinstance(name, str) else name.decode("latin-1"), depth + 1), MASK]
        case list() | tuple() | set() | frozenset():
            return [_value(inner, depth + 1) for inner in value]
        case _:
            return f"<{type(value).__qualname__}>"


def _raised(exc_info: object) -> BaseException | None:
    """The exception that ``exc_info`` stands for, in each of the forms that logging knows."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return _raised(exc_info[1])
    return sys.exc_info()[1] if exc_info else None


def _before(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _one_exception(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    text = f"Traceback (most recent call last):\n{frames}{error_text(error)}"
    if isinstance(error, BaseExceptionGroup):
        text += "".join(f"\n\nof which:\n\n{exception_text(part)}" for part in error.exceptions)
    return text


def _message(error: BaseException) -> str:
    """What an error says, without the input that validators and databases quote."""
    if isinstance(error, ValidationError | ValidationException):
        return clean_text("; ".join(f"{'.'.join(map(str, part['loc']))} {part['type']}" for part in error.errors()))
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):  # the server's; class 22 quotes the value in the message itself
        primary = "" if state.startswith("22") else getattr(getattr(error, "diag", None), "message_primary", None) or ""
        return f"SQLSTATE {state} {clean_text(primary)}".rstrip()
    return clean_text(str(error))
