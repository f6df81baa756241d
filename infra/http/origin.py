"""One origin for both APIs: reads go to the query app, all else to the command app, so that every ``Location`` resolves."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

# What the command app itself answers to a GET.
COMMAND_READS = ("/v1/cluster", "/v1/test-clocks")


class Origin:
    """GET and HEAD under /v1 → ``queries``, save COMMAND_READS; everything else, health included → ``commands``."""

    def __init__(self, commands: ASGIApp, queries: ASGIApp) -> None:
        self._commands = commands
        self._queries = queries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", "lifespans are not the origin's"
        path: str = scope["path"]
        reads = scope["method"] in ("GET", "HEAD") and path.startswith("/v1/")
        of_commands = any(path == own or path.startswith(f"{own}/") for own in COMMAND_READS)
        await (self._queries if reads and not of_commands else self._commands)(scope, receive, send)
