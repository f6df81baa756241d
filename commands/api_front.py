"""What comes most often is answered before the framework: a POST on a command's path goes straight to the desk.

FastAPI keeps all the rest: reads, unknown paths and methods, and the interface document, in which every command stands. Its way
to an endpoint costs as much as a whole command (docs/performance.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from commands.api_desk import Desk
from commands.api_forward import is_forwarded
from commands.api_route import CommandRoute
from infra.http.problems import answer_to

# So long a tenant's excess waits until it is told so: what Retry-After asks for. Who comes again at once would else have the loop
# read requests to refuse, and everybody wait for it.
HELD_S = 1.0


class RouteTable:
    """Finds the command of a path: all are plain paths, or have one id as their third part."""

    def __init__(self, routes: Iterable[CommandRoute[Any]]) -> None:
        self._routes = {route.path: route for route in routes}

    def find(self, path: str) -> tuple[CommandRoute[Any], str] | None:
        """The command and the id in its path, which is empty where there is none."""
        route = self._routes.get(path)
        if route is not None:
            return route, ""
        parts = path.split("/")  # "", v1, the collection, the id, and perhaps what is done to it
        if len(parts) < 4:
            return None
        id, parts[3] = parts[3], "{id}"
        route = self._routes.get("/".join(parts))
        return None if route is None or not id else (route, id)


class Front:
    """An ASGI app: commands to ``desk``, everything else to ``app``, whose exception handlers serve both."""

    def __init__(self, app: FastAPI, desk: Desk, routes: RouteTable) -> None:
        self._app = app
        self._desk = desk
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._routes.find(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = found[0]
        try:
            reply = await self._desk.answer(*found, scope, receive)
        except ClientDisconnect:
            return
        except Exception as error:
            response = await answer_to(error, self._app, scope)
            await self._hold(response.status_code, scope)
            await response(scope, receive, send)
            return
        await self._hold(reply.status, scope)
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        headers += [(b"content-type", reply.media_type.encode()), (b"content-length", b"%d" % len(reply.body))]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _hold(self, status: int, scope: Scope) -> None:
        """Let an answer wait that is for a tenant's excess; at the node that the client speaks with, not between nodes."""
        if status == 429 and not is_forwarded(scope, self._desk.mark):
            await asyncio.sleep(HELD_S)
