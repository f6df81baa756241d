"""A batch's lines: found in a stream of bytes, read, and matched to the route of the command that each one is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from commands import api_body
from commands.api_front import RouteTable
from commands.api_route import CommandRoute
from infra.http.problems import Problem, body_too_large, invalid

# What a single request may send, and what stands around it.
LINE_BYTES_MAX = 1_010_000
KEY_CHARACTERS_MAX = 255


class BatchLine(BaseModel):
    """One command: what its own request would say. ``if_match`` and ``reason`` are the texts of If-Match and Ledger-Reason; the
    batch's own Ledger-Reason holds where there is none.
    """

    model_config = ConfigDict(extra="forbid")

    idempotency_key: Annotated[str, Field(max_length=KEY_CHARACTERS_MAX, pattern="^[ -~]+$", examples=["order-1"])]
    path: Annotated[str, Field(max_length=500, pattern="^/", examples=["/v1/subscriptions"])]
    body: dict[str, Any] = {}
    if_match: Annotated[str, Field(examples=['"3"'])] | None = None
    reason: str | None = None


_LINE = TypeAdapter(BatchLine)


class LineSplitter:
    """Lines of a body that comes in pieces. What is longer than a line may be is passed over, not kept."""

    def __init__(self) -> None:
        self._number = 0
        self._begun = bytearray()
        self._too_long = False

    def split(self, piece: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The lines that end in this piece, each with its number, from 1; None for one that is too long. Blank ones are left
        out.
        """
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._add(part)
            yield from self.end()
        self._add(rest)

    def end(self) -> Iterator[tuple[int, bytes | None]]:
        """The line that was begun: at the body's end nothing else need end it."""
        line, too_long = bytes(self._begun), self._too_long
        self._number, self._too_long = self._number + 1, False
        self._begun.clear()
        if too_long:
            yield self._number, None
        elif line and not line.isspace():
            yield self._number, line

    def _add(self, part: bytes) -> None:
        if self._too_long or len(self._begun) + len(part) > LINE_BYTES_MAX:
            self._too_long = True
            self._begun.clear()
        else:
            self._begun += part


def read_line(text: bytes | None) -> BatchLine:
    """A line; raises a Problem."""
    if text is None:
        raise body_too_large()
    return api_body.validated(_LINE, api_body.parse(text))


def find_route(routes: RouteTable, path: str) -> tuple[CommandRoute[Any], str, str]:
    """The command that a line's path names, the path as it is decoded, and the id in it or nothing; raises a Problem."""
    path, _, query = path.partition("?")
    if query:
        raise invalid("query", "", "unknown_parameter", "A line takes no query parameters: a batch is no place for dry runs.")
    path = unquote(path)
    found = routes.find(path)
    if found is None:
        raise Problem(404, "not-found", "Not found", f"There is no command {path!r}.")
    return found[0], path, found[1]
