"""A command as the shard takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from domain.event import Aggregate

if TYPE_CHECKING:
    from commands.unit import Unit


@dataclass(frozen=True, slots=True)
class Command:
    """What to do, for whom, and under which id it is done once.

    ``customer`` is empty for the catalog's commands. ``handler`` decides on a Unit and gives the aggregate to answer with.
    ``at`` is the business time of a timer or an outcome on a test clock; a client's command has none. ``may_backdate`` is the
    key's permission to give dates in the past. ``dry_run``: say what it would do, and keep nothing of it. ``name`` is what
    metrics call it, one of few.
    """

    tenant: str
    customer: str
    id: str
    handler: Callable[[Unit], Aggregate]
    fingerprint: str = ""
    if_match: tuple[str, frozenset[int]] | None = None
    actor: str = ""
    reason: str = ""
    traceparent: str = ""
    at: datetime | None = None
    may_backdate: bool = False
    dry_run: bool = False
    name: str = ""

    @property
    def key(self) -> str:
        """The partition key and the scope of ``id``."""
        return f"{self.tenant}/{self.customer}" if self.customer else self.tenant

    @property
    def from_client(self) -> bool:
        """Sent by somebody outside, not by a timer or an outcome."""
        return self.id.startswith("client:")
