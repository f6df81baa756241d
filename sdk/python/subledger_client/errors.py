"""What can go wrong.

    LedgerError
      Unreachable         no answer in time, for as long as was tried: it may have been done, the same command finds out
      Problem             the ledger's answer (RFC 9457)
        Denied            401, 403
        Declined          402: the charge that was asked for
        NotFound          404: what the path names
        Conflict          409: not in this state; ``allowed_transitions`` says which states it can come to
        StaleVersion      412: the resource has changed meanwhile
        Invalid           400, 413, 415, 422: the request is not well formed or breaks a rule; ``errors`` names the fields
        Unavailable       429, 503 and what else may pass, for as long as was tried

What cannot be sent at all (to an address that is none) is httpx's error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MAY_PASS = frozenset({429, 502, 503, 504})


class LedgerError(Exception):
    """Whatever did not work; the ledger asks for ``retry_after_s`` before the next try, if there is to be one."""

    retry_after_s = 0.0


class Unreachable(LedgerError):
    """No answer; its cause is the connection's last error."""


class Problem(LedgerError):
    """``code`` is stable and for programs; ``request_id`` is what the ledger's operators look for; ``body`` has all of it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("code", status))
        self.detail = str(body.get("detail") or body.get("title") or "")
        self.errors: Sequence[Mapping[str, Any]] = body.get("errors", ())
        self.request_id = str(body.get("request_id", ""))
        fields = "; ".join(f"{error.get('pointer', '')}: {error.get('detail', '')}" for error in self.errors)
        super().__init__(": ".join(part for part in (self.code, fields or self.detail) if part))


class Denied(Problem):
    """The key is unknown or revoked, or may not do this."""


class Declined(Problem):
    """The charge was declined; it stands in the payment's history."""


class NotFound(Problem):
    """What the path names is not there."""


class Conflict(Problem):
    """The resource's state does not allow it."""

    @property
    def allowed_transitions(self) -> Sequence[str]:
        transitions: Sequence[str] = self.body.get("allowed_transitions") or ()
        return transitions


class StaleVersion(Problem):
    """The resource is not at the version that was asked for any more: read it again."""


class Invalid(Problem):
    """The request is not well formed, or breaks a rule."""


class Unavailable(Problem):
    """Not now. Nothing is known to have been done; the same command may be sent again."""


_KINDS: Mapping[int, type[Problem]] = {
    400: Invalid,
    401: Denied,
    402: Declined,
    403: Denied,
    404: NotFound,
    409: Conflict,
    412: StaleVersion,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}


def problem(status: int, body: object, headers: Mapping[str, str]) -> Problem:
    """The problem that an answer tells; ``body`` is what it holds, a JSON object or (a proxy's page) something else. ``headers``
    are found by small letters.
    """
    found: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    if status not in _MAY_PASS and found.get("retryable") is not True:
        return _KINDS.get(status, Problem)(status, found)
    error = Unavailable(status, found)
    after = headers.get("retry-after", "")
    error.retry_after_s = float(after) if after.isdecimal() else 0.0
    return error
