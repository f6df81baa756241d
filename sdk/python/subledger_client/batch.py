"""Many commands in few requests, a line each. Without any I/O: it says what to send next, and reads what comes back.

The ledger does the lines of one customer in their order, and those of the catalog, and so they stay in it here: what a broken
connection left without a result, and what could not be done for now, stands in front of the next request, under its key.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar, cast

from subledger_client.errors import LedgerError, Problem, Unreachable, problem
from subledger_client.requests import Command
from subledger_client.session import Patience, Pause, Received, Session, failure, json_bytes, may_pass

T = TypeVar("T")

PATH = "/v1/commands:batch"
# The ledger reads so much, and a little more, before its answers are read; these clients send a request before they read.
LINES = 400
BYTES = 3_500_000


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What a command of a batch came to: its answer, or its problem."""

    command: Command[T]
    status: int
    body: T | None
    problem: Problem | None
    replayed: bool

    def answer(self) -> T:
        """Its answer; raises its problem."""
        if self.problem is not None:
            raise self.problem
        return cast("T", self.body)


class Batch(Generic[T]):
    """Commands on their way, request by request: `begin`, `read` what comes, `end`."""

    def __init__(self, session: Session, commands: Iterable[Command[T]]) -> None:
        self._session = session
        self._commands = iter(commands)
        self._ahead: deque[Command[T]] = deque()
        self._patience = Patience(session.deadline_s)
        self._left: dict[int, Command[T]] = {}
        self._rest = b""
        self._error: LedgerError | None = None
        self._progress = False

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Content-Type": "application/x-ndjson", **self._session.reading()}

    def begin(self) -> bytes:
        """The lines of the next request; none when everything has its result."""
        self._ahead.extendleft(reversed(self._left.values()))
        lines: list[Command[T]] = []
        text = bytearray()
        while len(lines) < LINES and self._see_next():
            line = _line(self._ahead[0])
            if lines and len(text) + len(line) > BYTES:
                break
            lines.append(self._ahead.popleft())
            text += line
        self._left, self._rest = dict(enumerate(lines, 1)), b""
        self._error, self._progress = None, False
        return bytes(text)

    def read(self, piece: bytes) -> Iterator[Result[T]]:
        """The results that are whole with this piece of the answer."""
        *results, self._rest = (self._rest + piece).split(b"\n")
        for text in results:
            result = json.loads(text)
            status, headers = result["status"], result["headers"]
            error = None if status < 400 else problem(status, result["body"], headers)
            if error is not None and may_pass(error):
                self._error = error
                continue
            self._progress = True
            self._session.positions.note(headers.get("ledger-position", ""))
            replayed = headers.get("idempotent-replayed") == "true"
            body = result["body"] if error is None else None
            yield Result(self._left.pop(result["line"]), status, body, error, replayed)

    def end(self, broken: Received = None) -> Pause | None:
        """The request is over, ``broken`` by this, if it was. A pause where something goes again; raises what keeps it from being
        done at all, or for too long.
        """
        if broken is not None:
            self._error = failure(broken)
            if not may_pass(self._error):
                raise self._error
        if self._progress:
            self._patience.renew()  # only now: who reads the results may have taken long
        if not self._left:
            return None
        return self._patience.pause(self._error or Unreachable("the batch ended without all of its results"))

    def _see_next(self) -> bool:
        if not self._ahead:
            self._ahead.extend(islice(self._commands, 1))
        return bool(self._ahead)


def _line(command: Command[Any]) -> bytes:
    line: dict[str, object] = {"idempotency_key": command.key, "path": command.path, "body": command.body}
    if command.version is not None:
        line["if_match"] = f'"{command.version}"'
    if command.reason is not None:
        line["reason"] = command.reason
    return json_bytes(line) + b"\n"
