"""What a decision may answer instead of events.

    Refusal                 expected; nothing was appended
    ├── NotFound            no such thing in this tenant
    ├── WrongState          the thing is there, its state does not allow this (``allowed`` says what it would)
    └── RuleViolated        the request itself breaks a rule

Everything else that is raised is a programmer's error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class Refusal(Exception):
    """``code`` is stable and for programs, ``detail`` for people, ``pointer`` the JSON pointer of the field at fault, if one
    is. ``retryable``: the same request may succeed a little later.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        self.code = code
        self.detail = detail
        self.pointer = pointer
        super().__init__(f"{code}: {detail}")


class NotFound(Refusal):
    """There is no such thing in this tenant."""

    def __init__(self, kind: str, id: str, pointer: str = "") -> None:
        super().__init__(f"{kind}_not_found", f"There is no {kind.replace('_', ' ')} {id!r}.", pointer)


class WrongState(Refusal):
    """The state of the thing does not allow this now."""

    def __init__(self, code: str, detail: str, allowed: Iterable[str] = ()) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(code, detail)


class RuleViolated(Refusal):
    """The request breaks a rule whatever the state."""
