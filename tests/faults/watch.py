"""Every answer that a client got: when it came, after how long, and what it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from tests.faults.acknowledged import Witness

HANGS_S = 60.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer. ``at`` is a monotonic time; ``status`` 0 is a connection that broke, or an answer that never came."""

    at: float
    seconds: float
    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]


class Watched(Witness):
    """Takes every answer down, beside the receipts."""

    def __init__(self) -> None:
        super().__init__({})
        self.seen: list[Seen] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        begun = time.monotonic()
        try:
            response = await super().handle_async_request(request)
            await response.aread()
        except httpx.TransportError as error:
            self._take(begun, 0, {}, {"detail": repr(error)})
            raise
        self._take(begun, response.status_code, response.headers, response.json())
        return response

    def _take(self, begun: float, status: int, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        now = time.monotonic()
        self.seen.append(Seen(now, now - begun, status, headers, body))


async def look(url: str, key: str, every_s: float, watched: Watched) -> None:
    """Ask the same again and again, until cancelled."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=watched, headers=headers, timeout=HANGS_S) as client:
        while True:
            with suppress(httpx.TransportError):  # it is among what was seen
                await client.get(url)
            await asyncio.sleep(every_s)
