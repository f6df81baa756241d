"""A connection of the server: one whose client reads nothing is cut, so that what waits for it does not wait for ever."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A client that takes less than a full buffer (64 KiB) in this time does not want the answer.
STALLED_S = 30.0


class Connection(HttpToolsProtocol):
    """uvicorn's, with a limit to how long the client may leave a full buffer standing."""

    _cut: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._go_on()

    def _go_on(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None
