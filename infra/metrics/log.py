"""Where the log ends, asked every few seconds, and who stands how far behind it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event as Signal
from threading import Thread

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from infra.eventlog.log import Log, LogUnavailable
from infra.metrics.families import gauge, gauges

LOOK_S = 5.0
_CLOSE_LIMIT_S = 1.0

Positions = Callable[[], Mapping[str, int]]


@dataclass(slots=True)
class Lag:
    """How far a position is behind an end, and for how long: since the last look whose end it has reached. Where the end moves on
    all the time, that is at most twice the time by which the position really follows.
    """

    behind: int = 0
    since: float | None = None  # None: it is at the end
    _end: int = 0
    _looked_at: float | None = None

    def look(self, position: int, end: int, now: float) -> None:
        """Both as they are at ``now``, in seconds of any one clock."""
        self.behind = max(0, end - position)
        if position < self._end:
            return
        self.since = None if position >= end else now if self._looked_at is None else self._looked_at
        self._end, self._looked_at = end, now

    def age_s(self, now: float) -> float:
        return 0.0 if self.since is None else now - self.since


class LogWatch(Collector):
    """Looks at the log every few seconds on a thread of its own: the log may be away, and whoever scrapes must not wait for it.

    ``positions`` are the next offsets that a projector reads, where one runs here.
    """

    def __init__(self, log: Log, positions: Positions | None = None) -> None:
        self._log = log
        self._positions = positions
        self._ends: dict[str, int] = {}
        self._undecided: defaultdict[str, Lag] = defaultdict(Lag)
        self._unread: defaultdict[str, Lag] = defaultdict(Lag)
        self._answered_at = time.monotonic()

    def look(self, now: float) -> None:
        """Raises LogUnavailable."""
        read = self._positions() if self._positions is not None else {}
        # In this order: what commits in between must not look undecided.
        high = self._log.high_ends(self._log.partitions)
        ends = self._log.ends(self._log.partitions)
        for partition, end in ends.items():
            self._undecided[partition].look(end, high[partition], now)
        for partition in self._unread.keys() - read.keys():  # another projector's now
            del self._unread[partition]
        for partition, position in read.items():
            self._unread[partition].look(position, ends[partition], now)
        self._ends, self._answered_at = ends, now

    def run(self, stop: Signal) -> None:
        """Look until ``stop`` is set."""
        while not stop.is_set():
            with suppress(LogUnavailable):  # how long it has not answered is one of the metrics; whoever needs it says why
                self.look(time.monotonic())
            stop.wait(LOOK_S)

    def collect(self) -> Iterable[Metric]:
        now = time.monotonic()
        yield gauge("log_unanswered_seconds", "Since the log last said where it ends.", now - self._answered_at)
        yield gauges(
            "log_end_offset", "The end of the log for committed readers (last stable offset).", ("partition",),
            {(name,): end for name, end in self._ends.items()},
        )  # fmt: skip
        yield from _lags("log_undecided", "the last stable offset", "the high watermark", self._undecided)
        if self._positions is not None:
            yield from _lags("projector_lag", "the rows", "the log's end", self._unread)


def _lags(name: str, who: str, what: str, lags: Mapping[str, Lag]) -> Iterator[Metric]:
    now, found = time.monotonic(), list(lags.items())
    records = {(partition,): lag.behind for partition, lag in found}
    seconds = {(partition,): lag.age_s(now) for partition, lag in found}
    yield gauges(f"{name}_records", f"Offsets from {who} to {what}.", ("partition",), records)
    yield gauges(f"{name}_seconds", f"Since {who} reached {what} as it was known then.", ("partition",), seconds)


@contextmanager
def watching(log: Log, positions: Positions | None = None) -> Iterator[LogWatch]:
    """A watch that looks meanwhile."""
    watch, stop = LogWatch(log, positions), Signal()
    thread = Thread(target=watch.run, args=(stop,), name="log-watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join(_CLOSE_LIMIT_S)  # a question to a log that is away is not waited for
