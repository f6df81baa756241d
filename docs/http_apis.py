"""The OpenAPI documents of both APIs, as the running processes serve them."""

from __future__ import annotations

from typing import Any, cast

from commands.api import ApiSettings, documented_app
from commands.api_desk import Desk
from queries.api import create_query_app

# Routes are described without being called: what stands behind them may be absent.
_ABSENT = cast(Any, None)


def openapi_documents() -> dict[str, dict[str, Any]]:
    """The document of each API by its file's name."""
    settings = ApiSettings(environment="sandbox", secret=b"", admin_key="")
    return {
        "commands.json": documented_app(_ABSENT, Desk(_ABSENT, _ABSENT, settings)).openapi(),
        "queries.json": create_query_app(_ABSENT, environment="sandbox").openapi(),
    }
