"""A request's JSON: read strictly, checked once, and made canonical for the fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError

from infra.http.problems import FieldError, Problem, field_error, invalid

Body = TypeVar("Body")


class _Repeated(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


def parse(data: bytes) -> Any:
    """JSON as RFC 8259 has it; raises a Problem: 400 where it is none, 422 for what is JSON and means nothing to us."""
    try:
        text = data.decode()
        value = _DECODER.decode(text)
        # Only an escape can bring in what no store can hold.
        unstorable = next(_unstorable(value, ""), None) if "\\u" in text else None
    except _Repeated as repeated:
        detail = f"A field stands more than once in one object: {_escaped(repeated.name)}"
        raise invalid("body", "", "repeated", detail) from None
    except RecursionError:
        raise invalid("body", "", "too_deep", "The body is nested too deeply.") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise Problem(400, "malformed-json", "The body is not JSON", "The body could not be parsed as JSON in UTF-8.") from None
    except ValueError:  # a number beyond what Python reads from text
        raise invalid("body", "", "number_out_of_range", "A number is too long.") from None
    if unstorable is not None:
        raise invalid("body", unstorable, "text", "A text holds U+0000 or half of a surrogate pair.")
    return value


def validated(adapter: TypeAdapter[Body], value: Any) -> Body:
    """The value as its model; raises a Problem with status 422 that points at every field at fault."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = [_pointed(dict(one), value) for one in error.errors(include_url=False, include_input=False)]
        raise Problem(422, "invalid-request", "The request is not valid", errors=found) from None


def canonical(value: Any) -> str:
    """One text for all spellings of the same valid body."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Repeated(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(text: str) -> Any:
    raise json.JSONDecodeError("not JSON", text, 0)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)


def _escaped(part: str) -> str:
    """A part of a JSON pointer; what cannot be sent back as UTF-8 is replaced."""
    return part.encode(errors="replace").decode().replace("~", "~0").replace("/", "~1")


def _unstorable(value: Any, pointer: str) -> Iterator[str]:
    """Pointers to texts that neither Postgres nor UTF-8 can hold."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            yield pointer
    elif isinstance(value, dict):
        for name, part in value.items():
            here = f"{pointer}/{_escaped(name)}"
            yield from _unstorable(name, here)
            yield from _unstorable(part, here)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _unstorable(part, f"{pointer}/{index}")


def _pointed(error: dict[str, Any], body: Any) -> FieldError:
    """The error at its place in the body: pydantic also names the branch of a union that it tried, no part of the path."""
    path: list[str | int] = []
    for part in error["loc"]:
        inside = isinstance(body, dict) and part in body
        if inside or (isinstance(body, list) and isinstance(part, int) and part < len(body)):
            body = body[part]
            path.append(part)
        elif part == error["loc"][-1] and error["type"] == "missing":
            path.append(part)
    return field_error({**error, "loc": ("body", *path)})
