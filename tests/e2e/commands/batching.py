"""A batch over a real connection, piece by piece: what is sent when, and what comes back meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h11
import orjson


class Batch:
    """The client's end."""

    def __init__(self, connection: socket.socket, key: str) -> None:
        self._socket = connection
        self._http = h11.Connection(h11.CLIENT)
        self._pending = b""
        headers = {
            "Host": "ledger",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-ndjson",
            "Transfer-Encoding": "chunked",
        }
        self._put(h11.Request(method="POST", target="/v1/commands:batch", headers=list(headers.items())))

    def send(self, *lines: Mapping[str, Any] | bytes) -> None:
        body = b"".join(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines)
        self._put(h11.Data(body))

    def send_all(self, *lines: Mapping[str, Any]) -> None:
        """These, and no more."""
        self.send(*lines)
        self.end()

    def end(self) -> None:
        """No more lines."""
        self._put(h11.EndOfMessage())

    def results(self) -> Iterator[dict[str, Any]]:
        """As they come, until the answer ends; raises ConnectionError where it is cut off."""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(self._socket.recv(65536))
            elif isinstance(event, h11.Response):
                assert event.status_code == 200, event
            elif isinstance(event, h11.Data):
                *lines, self._pending = (self._pending + bytes(event.data)).split(b"\n")
                yield from map(orjson.loads, lines)
            elif isinstance(event, h11.EndOfMessage):
                assert not self._pending
                return
            else:
                raise ConnectionError(event)

    def _put(self, event: h11.Event) -> None:
        data = self._http.send(event)
        assert data is not None
        self._socket.sendall(data)


@contextmanager
def batch(port: int, key: str | None, limit_s: float = 20) -> Iterator[Batch]:
    """Begin one; the connection is cut at the end of the block. What takes longer than ``limit_s`` is a TimeoutError."""
    assert key is not None
    with socket.create_connection(("127.0.0.1", port), timeout=limit_s) as connection:
        yield Batch(connection, key)
