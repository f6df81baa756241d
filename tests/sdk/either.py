"""Both clients by the same calls, so that each test is of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

import httpx

from subledger_client import AsyncClient, Client, Command, Feed, Listing, Preview, Query, Result
from subledger_client.models import EventPage

T = TypeVar("T")

Wire = Callable[[httpx.Request], httpx.Response]


class Waiting:
    """The client for code that waits; ``wire`` plays the network."""

    def __init__(self, url: str, key: str, wire: Wire | None = None, **more: Any) -> None:
        self._client = Client(url, key, transport=wire and httpx.MockTransport(wire), **more)

    @property
    def position(self) -> str:
        return self._client.position

    def close(self) -> None:
        self._client.close()

    def send(self, command: Command[T]) -> T:
        return self._client.send(command)

    def preview(self, command: Command[T]) -> Preview[T]:
        return self._client.preview(command)

    def get(self, query: Query[T]) -> T:
        return self._client.get(query)

    def all(self, listing: Listing[T]) -> list[T]:
        return list(self._client.list(listing))

    def pages(self, feed: Feed[EventPage], count: int, after: str = "0") -> list[EventPage]:
        return list(islice(self._client.follow(feed, after), count))

    def batch(self, commands: Iterable[Command[T]], told: Callable[[Result[T]], object] = repr) -> list[Result[T]]:
        found = []
        for result in self._client.batch(commands):
            told(result)
            found.append(result)
        return found


class Awaiting:
    """The client for asyncio."""

    def __init__(self, url: str, key: str, wire: Wire | None = None, **more: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(url, key, transport=wire and httpx.MockTransport(wire), **more)

    @property
    def position(self) -> str:
        return self._client.position

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def send(self, command: Command[T]) -> T:
        return self._runner.run(self._client.send(command))

    def preview(self, command: Command[T]) -> Preview[T]:
        return self._runner.run(self._client.preview(command))

    def get(self, query: Query[T]) -> T:
        return self._runner.run(self._client.get(query))

    def all(self, listing: Listing[T]) -> list[T]:
        async def read() -> list[T]:
            return [each async for each in self._client.list(listing)]

        return self._runner.run(read())

    def pages(self, feed: Feed[EventPage], count: int, after: str = "0") -> list[EventPage]:
        async def read() -> list[EventPage]:
            following = self._client.follow(feed, after)
            return [await anext(following) for _ in range(count)]

        return self._runner.run(read())

    def batch(self, commands: Iterable[Command[T]], told: Callable[[Result[T]], object] = repr) -> list[Result[T]]:
        async def read() -> list[Result[T]]:
            found = []
            async for result in self._client.batch(commands):
                told(result)
                found.append(result)
            return found

        return self._runner.run(read())


Either = Waiting | Awaiting
Opens = type[Waiting] | type[Awaiting]
EITHER: tuple[Opens, Opens] = (Waiting, Awaiting)
