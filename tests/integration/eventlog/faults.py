"""The embedded log with faults put in where a log would have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from infra.eventlog.log import Aborted, Change, nothing
from infra.eventlog.record import Record
from infra.eventlog.sqlite import SqliteLog
from infra.eventlog.sqlite_owner import SqliteOwner


class FaultyOwner(SqliteOwner):
    """Raises the next of ``faults`` instead of committing, or after it (``late``); refuses ``claims_refused`` claims; announces
    ``changes``; says what is ``away``, an answer after the other.
    """

    faults: list[Exception]
    late: list[Exception]
    changes: list[Change]
    away: list[dict[str, str]]
    claims_refused: int

    def poll(self, timeout_s: float) -> Change:
        found = super().poll(timeout_s)
        return self.changes.pop(0) if not found.gained and self.changes else found

    def unwritable(self, partitions: Iterable[str]) -> dict[str, str]:
        return self.away.pop(0) if self.away else super().unwritable(partitions)

    def commit(
        self,
        records: Sequence[Record],
        data_keys: Mapping[str, bytes],
        proves: frozenset[str],
        meanwhile: Callable[[], None] = nothing,
    ) -> Mapping[str, int]:
        deciding = not (records and records[0].is_claim)
        if not deciding and self.claims_refused:
            self.claims_refused -= 1
            raise Aborted("no room for a claim")
        if deciding and self.faults:
            raise self.faults.pop(0)
        ends = super().commit(records, data_keys, proves, meanwhile)
        if deciding and self.late:
            raise self.late.pop(0)
        return ends


class FaultyLog(SqliteLog):
    faulty: FaultyOwner

    def owner(self) -> SqliteOwner:
        owner = super().owner()
        owner.__class__ = FaultyOwner
        assert isinstance(owner, FaultyOwner)
        owner.faults, owner.late, owner.changes, owner.claims_refused = [], [], [], 0
        owner.away = []
        self.faulty = owner
        return owner
