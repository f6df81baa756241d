"""The client for code that waits."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx

from subledger_client import models
from subledger_client.batch import PATH, Batch, Result
from subledger_client.previews import Preview
from subledger_client.requests import Command, Feed, Listing, Query
from subledger_client.session import BROKEN, DEADLINE_S, TIMEOUT_S, Exchange, Received, Session, Steps

T = TypeVar("T")


class Client:
    """Speaks with the ledger at ``base_url`` under an API key; may be shared by threads.

    What may pass (a broken connection, 429, 503) is tried again, with the same idempotency key, until ``deadline_s`` is over; one
    try takes ``timeout_s`` at most. Reads hold what this client wrote, and what another one saw whose `position` it is given.
    ``tenant`` and ``reason`` are what the admin key needs beside it.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        tenant: str | None = None,
        reason: str | None = None,
        position: str = "",
        deadline_s: float = DEADLINE_S,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._session = Session(
            api_key, tenant=tenant, reason=reason, position=position, deadline_s=deadline_s, timeout_s=timeout_s
        )
        self._http = httpx.Client(base_url=base_url, headers=self._session.headers, timeout=timeout_s, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def position(self) -> str:
        """How far the ledger was seen to be: hand it to a client elsewhere that is to see as much."""
        return str(self._session.positions)

    def send(self, command: Command[T]) -> T:
        """Have a command done; raises a Problem or Unreachable."""
        return self._run(self._session.send(command))

    def preview(self, command: Command[T]) -> Preview[T]:
        """What a command would do, of which nothing is done; raises a Problem or Unreachable."""
        return self._run(self._session.preview(command))

    def get(self, query: Query[T]) -> T:
        """Ask; raises a Problem or Unreachable."""
        return self._run(self._session.get(query))

    def list(self, listing: Listing[T]) -> Iterator[T]:
        """All that there is, page by page as it is read; raises a Problem or Unreachable."""
        cursor = None
        while True:
            found, cursor = self._run(self._session.page(listing, cursor))
            yield from found
            if cursor is None:
                return

    def follow(self, feed: Feed[models.EventPage], after: str = "0") -> Iterator[models.EventPage]:
        """Events as they come, for ever, from behind ``after``: a page's ``next_cursor``, which is to be kept with what was made
        of the page. One without events says that none came for a while. Raises a Problem or Unreachable.
        """
        while True:
            page = self._run(self._session.follow(feed, after))
            yield page
            after = page["next_cursor"]

    def batch(self, commands: Iterable[Command[T]]) -> Iterator[Result[T]]:
        """Have many commands done: in order for each customer, in any order between them. Each result comes once it is known.

        Raises a Problem or Unreachable where nothing was done for ``deadline_s``; send again what has no result.
        """
        batch = Batch(self._session, commands)
        while content := batch.begin():
            broken: Received = None
            try:
                with self._http.stream("POST", PATH, content=content, headers=batch.headers) as response:
                    if response.is_success:
                        for piece in response.iter_bytes():
                            yield from batch.read(piece)
                    else:
                        response.read()
                        broken = response
            except BROKEN as error:
                broken = error
            if (pause := batch.end(broken)) is not None:
                time.sleep(pause.seconds)

    def _run(self, steps: Steps[T]) -> T:
        received: Received = None
        try:
            while True:
                step = steps.send(received)
                if isinstance(step, Exchange):
                    received = self._exchange(step)
                else:
                    time.sleep(step.seconds)
                    received = None
        except StopIteration as end:
            found: T = end.value
            return found

    def _exchange(self, exchange: Exchange) -> Received:
        try:
            return self._http.request(
                exchange.method, exchange.path, headers=exchange.headers, params=exchange.params, content=exchange.content
            )
        except BROKEN as error:
            return error
