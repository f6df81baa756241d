"""The end of a connection's patience: a question to a server that stalls has no end of its own, and cannot be taken back."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import psycopg

# Without any progress for so long a server is taken for stalled: about fifty times what a batch takes.
STALLED_S = 20.0
# The same once the process is to end. What is not committed by then is applied after the next start.
ENDING_S = 3.0
_LOOK_S = 0.5


class Patience:
    """Breaks a connection off, from a thread of its own, where nobody reports ``progress``. What waits for an answer fails."""

    def __init__(self, connection: psycopg.Connection, stop: Event) -> None:
        self.ended = False
        self._socket = socket.socket(fileno=os.dup(connection.fileno()))
        self._stop = stop
        self._at = time.monotonic()
        self._done = Event()
        self._thread = Thread(target=self._watch, name="patience", daemon=True)
        self._thread.start()

    def progress(self) -> None:
        self._at = time.monotonic()

    def close(self) -> None:
        """The connection is no longer watched."""
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_S):
            if time.monotonic() - self._at > (ENDING_S if self._stop.is_set() else STALLED_S):
                self.ended = True
                with suppress(OSError):  # it broke by itself in this moment
                    self._socket.shutdown(socket.SHUT_RDWR)
                return


@contextmanager
def patient(connection: psycopg.Connection, stop: Event) -> Iterator[Patience]:
    """Watch the connection in the block. Raises OperationalError where it was broken off."""
    patience = Patience(connection, stop)
    try:
        yield patience
    except psycopg.OperationalError as error:
        if not patience.ended:
            raise
        raise psycopg.OperationalError("Postgres stalls: no progress, the connection was broken off") from error
    finally:
        patience.close()
