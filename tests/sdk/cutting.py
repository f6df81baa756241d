"""A proxy that cuts connections in the middle of their answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

# Long enough for whatever a test asks.
LIMIT_S = 30.0


class CuttingProxy:
    """Passes bytes on; each of the first connections is cut once so many bytes of its answers have passed."""

    def __init__(self, url: str, after: list[int]) -> None:
        self.cut = 0
        self._origin = (urlsplit(url).hostname, urlsplit(url).port)
        self._after = iter(after)
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Until `close`."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client, next(self._after, None)), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connect(self, client: socket.socket, after: int | None) -> None:
        with client, socket.create_connection(self._origin, LIMIT_S) as origin:
            threading.Thread(target=_pass, args=(client, origin), daemon=True).start()
            self.cut += _pass(origin, client, after)
            for end in (client, origin):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _pass(source: socket.socket, to: socket.socket, after: int | None = None) -> bool:
    """Pass bytes on until there are no more, or ``after`` so many; whether it was cut."""
    passed = 0
    with suppress(OSError):
        while piece := source.recv(4096):
            to.sendall(piece)
            passed += len(piece)
            if after is not None and passed >= after:
                return True
    return False


@contextmanager
def cutting(url: str, after: list[int]) -> Iterator[CuttingProxy]:
    """One in front of ``url``."""
    proxy = CuttingProxy(url, after)
    serving = threading.Thread(target=proxy.serve)
    serving.start()
    try:
        yield proxy
    finally:
        proxy.close()
        serving.join()
