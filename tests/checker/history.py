"""What a run left behind, as people outside of the ledger see it. All that the checker judges is in a History.

Nothing here or in the other files of this package comes from the ledger's code: a checker that shared it would share its errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a plain consumer of committed records gets it. ``partition`` is a number as text, or ``catalog``; ``headers``
    are those of Kafka (``ce_id``, ``ce_hash``, ...).
    """

    partition: str
    offset: int
    key: str
    headers: Mapping[str, str]
    value: bytes

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset} {self.headers.get('ce_id', '?')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and what came of it: each attempt is a call of its own, each line of a batch too.

    ``begin`` and ``end`` are seconds of one monotonic clock that all clients share; ``path`` begins with ``/v1/``; ``key`` is the
    bare idempotency key; ``asked`` are the request's headers that matter (``if-match``, ``ledger-min-position``), ``headers`` and
    ``answer`` (JSON) the response's, all headers by lower-case names. ``status`` None: no answer came, it may have been done.
    """

    client: str
    begin: float
    end: float
    method: str
    path: str
    tenant: str
    status: int | None
    key: str = ""
    body: Any = None
    asked: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    answer: Any = None

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Nothing was done, and the client was told so. A 5xx leaves it open: the same key tells."""
        return self.status is not None and 400 <= self.status < 500 and self.status != 408 and not self.declined

    @property
    def declined(self) -> bool:
        """A charge was tried, as asked, and came to nothing."""
        return self.status == 402

    @property
    def code(self) -> str:
        """What a problem is called."""
        return str(self.answer.get("code", "")) if isinstance(self.answer, dict) else ""

    def __str__(self) -> str:
        key = f" [{self.key}]" if self.key else ""
        return f"{self.begin:.3f}–{self.end:.3f} {self.client}: {self.method} {self.path}{key} → {self.status or 'no answer'}"


@dataclass(frozen=True, slots=True)
class Charge:
    """What the payment provider has noted of one idempotency key. Amounts in minor units; ``mismatches`` are calls with the same
    key and other parameters.
    """

    key: str
    account: str
    token: str
    amount: int
    currency: str
    mismatches: int = 0


@dataclass(frozen=True, slots=True)
class Capture:
    """Money that the provider took under a key."""

    key: str
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Book:
    """The provider's own book."""

    charges: Sequence[Charge]
    captures: Sequence[Capture]


@dataclass(frozen=True, slots=True)
class ReaderState:
    """What some reader of a partition has kept: it has read all below ``offset``. ``holder`` says who, for the report."""

    holder: str
    partition: str
    offset: int
    sequence: int
    term: int
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """``records`` holds each partition's, in the order of their offsets. ``secret`` is the deployment's, which keys the hashes of
    idempotency keys. A tenant's calls are all recorded, or none.

    ``digests``: by who took it (``live``, ``rebuilt``), the digest of each table, which must not depend on who. ``book`` None:
    there was no provider. ``fenced`` False: somebody was let write past the log's fence, so that records which do not count are
    no fault of the log. ``settled_at`` (RFC 3339): the run stood still after it, so that all that was due before is done.
    """

    records: Mapping[str, Sequence[Record]]
    calls: Sequence[Call] = ()
    secret: bytes = b""
    book: Book | None = None
    states: Sequence[ReaderState] = ()
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fenced: bool = True
    settled_at: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept. ``rule`` is the name of the one that found it; ``shown_by`` the records and calls that show
    it.
    """

    rule: str
    what: str
    shown_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = f" ({'; '.join(self.shown_by)})" if self.shown_by else ""
        return f"{self.rule}: {self.what}{shown}"
