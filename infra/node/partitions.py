"""The partitions of a node: those that it serves, and why it does not serve the others that it was given."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import structlog

from commands.ports import NotServed, OutcomeUnknown
from infra.node.partition import Served, Ticket, fail

_log = structlog.get_logger(__name__)


class Partitions:
    """``assigned`` are those that the group of owners gave it; those in ``served`` it decides for; ``broken`` ones it cannot."""

    def __init__(self) -> None:
        self.assigned: frozenset[str] = frozenset()
        self.served: dict[str, Served] = {}
        self.broken: dict[str, str] = {}
        self._stopped: dict[str, str] = {}
        self._held: dict[str, list[Ticket]] = {}

    def get(self, name: str) -> Served:
        """One that is served. Raises NotServed, or Unavailable while it may be: its last commit is being settled."""
        served = self.served.get(name)
        if served is not None:
            return served
        if name in self._held:
            raise OutcomeUnknown(f"Partition {name} is settling a commit whose outcome is unknown.")
        raise NotServed(name, f"Partition {name} is not served by this node now.")

    def committing(self) -> Iterable[Ticket]:
        """All whose decision may be in the log by now."""
        for served in self.served.values():
            yield from served.unsettled
        for tickets in self._held.values():
            yield from tickets

    def serve(self, served: Served) -> None:
        """It is served from now on; what was held for it is decided again."""
        self.served[served.name] = served
        self.broken.pop(served.name, None)
        self._stopped.pop(served.name, None)
        for ticket in self._held.pop(served.name, []):
            served.take_up(ticket)

    def stop(self, names: Collection[str], reason: str) -> None:
        """Serve these no more, and tell all who wait."""
        for name in names:
            self._stopped[name] = reason
            for ticket in [*self._held.pop(name, []), *self._taken(name)]:
                fail(ticket, NotServed(name, f"Partition {name}: {reason}"))

    def hold(self, names: Collection[str], reason: str) -> None:
        """Serve these no more until it is known what their last commit came to; who waits goes on waiting."""
        for name in names:
            self._stopped[name] = f"the outcome of a commit is unknown: {reason}"
            if name in self.served:
                held = self._held[name] = self._taken(name)
                _log.error("outcome unknown", partition=name, reason=reason, waiting=len(held))

    def _taken(self, name: str) -> list[Ticket]:
        """What waits for a partition that is served no more."""
        served = self.served.pop(name, None)
        if served is None:
            return []
        served.gone = True
        served.queries.close()
        return [*served.unsettled, *served.waiting.take_all()]

    def unready(self) -> list[str]:
        """What is missing, in words."""
        missing = sorted(self.assigned - self.served.keys() - self.broken.keys())
        reasons = [
            f"partition {name} cannot be served: {self.broken[name]}" for name in sorted(self.assigned & self.broken.keys())
        ]
        reasons += [f"partition {name} is not served: {self._stopped.get(name, 'it is being taken over')}" for name in missing]
        return reasons if self.assigned else ["no partition is assigned to this node"]
