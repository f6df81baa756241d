"""What all stand-ins for confluent_kafka's clients share: the way of a request, with the points at which a schedule may step in.

A call takes a way there and a way back. A host that is paused between the two has been heard; what it sent arrives even when it
is dead by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from confluent_kafka import KafkaError

from tests.simulation.broker import Cluster, Entry, Header, Place, refusal
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.kernel import Kernel

REQUEST_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Wire:
    """What all clients of a world share."""

    kernel: Kernel
    cluster: Cluster
    group: Group
    faults: Faults

    def travel(self, limit_s: float = REQUEST_LIMIT_S) -> None:
        """One way of a request; raises KafkaException where the brokers are not reached for ``limit_s``."""
        kernel, host = self.kernel, self.kernel.host
        deadline = kernel.now + limit_s
        kernel.sleep(kernel.latency())
        while host.cut_until > kernel.now:
            if kernel.now >= deadline:
                raise refusal(KafkaError._TIMED_OUT, "the brokers are not reached", retriable=True)
            kernel.sleep(min(host.cut_until, deadline) - kernel.now)


class Message(NamedTuple):
    """A consumed record, or with ``fault`` the end of a partition; or what a delivery report shows."""

    place: Place
    at: int
    entry: Entry | None = None
    fault: KafkaError | None = None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return self.fault

    def key(self) -> bytes | None:
        return self.entry.key if self.entry else None

    def value(self) -> bytes | None:
        return self.entry.value if self.entry else None

    def headers(self) -> list[Header]:
        return list(self.entry.headers) if self.entry else []

    def timestamp(self) -> tuple[int, int]:
        return 2, self.entry.timestamp_ms if self.entry else 0
