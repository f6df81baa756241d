"""Follows the catalog in a thread of its own, through the readers' rule: a node decides with the whole catalog, whoever
owns it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf
from threading import Event as Signal
from threading import Thread

import structlog

from domain.event import Event
from domain.registry import decode
from infra.eventlog.log import Log, LogUnavailable
from infra.eventlog.reader import Command, Reader
from infra.eventlog.record import CATALOG, Record

_log = structlog.get_logger(__name__)

POLL_S = 0.2
RETRY_S = 0.5
CONFIRM_S = 1.0  # how often the log is asked for the catalog's end

Numbered = tuple[Event, int]


class CatalogFollower:
    """``on_events`` hears the catalog's events with their sequences, ``on_read`` once that the end of the start has been reached,
    ``on_error`` what ends it; all on the follower's thread.

    While ``owned`` is set the node that follows is the catalog's owner, and knows of every event before the follower could.
    ``confirmed_at`` is the monotonic time as of which everything is known to have been followed.
    """

    def __init__(
        self,
        log: Log,
        on_events: Callable[[Sequence[Numbered]], None],
        on_read: Callable[[], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.owned = Signal()
        self.confirmed_at = -inf
        self._log = log
        self._on_events = on_events
        self._on_read = on_read
        self._on_error = on_error
        self._stop = Signal()
        self._position = 0
        self._end, self._asked_at = 0, -inf
        self._thread = Thread(target=self._run, name="catalog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def read_to_end(self, limit_s: float) -> bool:
        """Wait, on another thread than the loop's, until everything that is in the log now has been followed."""
        end, deadline = self._log.end(CATALOG), time.monotonic() + limit_s
        while self._position < end and time.monotonic() < deadline and not self._stop.is_set():
            time.sleep(0.005)
        return self._position >= end

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except LogUnavailable as error:
                _log.warning("catalog put off", error=error)
                self._stop.wait(RETRY_S)
            except BaseException as error:  # told, never silent: without the catalog nothing may be decided
                self._on_error(error)
                return

    def _follow(self) -> None:
        """From the start: what is known already is passed over by whoever hears it."""
        rule, read = Reader(), False
        end = self._log.end(CATALOG)
        reader = self._log.reader({CATALOG: 0})
        try:
            while not self._stop.is_set():
                if read and self.owned.is_set():
                    self._asked_at = -inf  # once it is not ours any more, at once
                    self._stop.wait(POLL_S)
                    continue
                events = [each for record in reader.poll(POLL_S) for each in _events(rule, record)]
                if events:
                    self._on_events(events)
                self._position = reader.position(CATALOG)
                if not read and self._position >= end:
                    read = True
                    self._on_read()
                self._confirm()
        finally:
            reader.close()

    def _confirm(self) -> None:
        """See now and then where the catalog ends: whether nothing comes or nothing gets through, reading alone does not tell."""
        now = time.monotonic()
        if now - self._asked_at >= CONFIRM_S:
            try:
                self._end, self._asked_at = self._log.end(CATALOG), now
            except LogUnavailable as error:
                _log.warning("the catalog's end is not known", error=str(error))
                return
        if self._position >= self._end:
            self.confirmed_at = max(self.confirmed_at, self._asked_at)


def _events(rule: Reader, record: Record) -> list[Numbered]:
    """The events of the commands that the record completes."""
    commands = (result for result in rule.feed(record) if isinstance(result, Command))
    return [(_decoded(each), each.sequence) for command in commands for each in command.records]


def _decoded(record: Record) -> Event:
    attributes = record.attributes
    return decode(attributes["subject"], int(attributes["streamversion"]), attributes["type"], record.value)
