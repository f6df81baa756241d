"""What the routes document beside their answer."""

from __future__ import annotations

from typing import Any

from infra.http.problems import documented

Responses = dict[int | str, dict[str, Any]]

_POSITION = {
    "Ledger-Position": {"description": "What the answer is true at.", "schema": {"type": "string"}, "example": "7@48122"},
}
_ETAG = {"ETag": {"description": "The stream's version.", "schema": {"type": "string"}, "example": '"3"'}}
_COMMON = (400, 401, 403, 422, 503)

LIST: Responses = documented(_COMMON) | {200: {"headers": _POSITION}}
FEED: Responses = documented(_COMMON) | {200: {"headers": _POSITION, "content": {"text/event-stream": {}}}}
PART: Responses = documented((*_COMMON, 404)) | {200: {"headers": _POSITION}}
ONE: Responses = documented((*_COMMON, 404)) | {
    200: {"headers": _POSITION | _ETAG},
    304: {"description": "Not modified (If-None-Match)", "headers": _POSITION | _ETAG},
}
