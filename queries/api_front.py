"""What is asked most is answered before the framework: whether a customer may use something, asked with GET and no parameters.

FastAPI's way to an endpoint costs more than the check itself (docs/performance.md). It keeps all the rest, this route's document
and odd requests to it included; they come to the same function.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.http.problems import answer_to
from queries.api_asking import Asked
from queries.api_customers import check, check_entitlement, router

_CHECK = re.compile(r"/v1/customers/([^/]+)/entitlements/([^/]+)")
# For whoever counts requests by route, further out.
_ROUTE = next(route for route in router.routes if getattr(route, "endpoint", None) is check_entitlement)


class Front:
    """ASGI middleware: entitlement checks by ``asked``, everything else to ``app``."""

    def __init__(self, app: ASGIApp, *, asked: Asked) -> None:
        self._app = app
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        plain = scope["type"] == "http" and scope["method"] == "GET" and not scope["query_string"]
        match = _CHECK.fullmatch(scope["path"]) if plain else None
        if match is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        try:
            response = await self._answer(Headers(scope=scope), match[1], match[2])
        except Exception as error:
            response = await answer_to(error, scope["app"], scope)
        await response(scope, receive, send)

    async def _answer(self, headers: Headers, id: str, key: str) -> Response:
        asking = await self._asked.begin(
            headers.get("authorization"),
            x_tn=headers.get("x-tn"),
            min_position=headers.get("ledger-min-position"),
            prefer=headers.get("prefer"),
            if_none_match=headers.get("if-none-match"),
        )
        return await check(asking, id, key)
