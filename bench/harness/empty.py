"""The ceiling of HTTP: ``python -m bench.harness.empty PORT`` answers a POST with the same validated body as the ledger's, and a
GET, and does nothing. One uvicorn process on uvloop and httptools, as the ledger's own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from bench.harness.deployment import ROOT, Service, free_port, service
from commands.subscription.start import StartSubscription


def empty_app() -> FastAPI:
    """FastAPI as its tutorial has it: a model for the body, a dictionary as the answer."""
    app = FastAPI()

    @app.post("/v1/subscriptions", status_code=201)
    async def start(body: StartSubscription) -> dict[str, str]:
        return {"customer": body.customer}

    @app.get("/v1/customers/{id}/entitlements")
    async def entitlements(id: str) -> dict[str, str]:
        return {"customer": id}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    return app


@contextmanager
def empty_endpoint(folder: Path) -> Iterator[Service]:
    """The ceiling, running; its output goes to ``folder``."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = ["-m", "bench.harness.empty", str(port)]
    with service("empty", arguments, environment, port, folder / "empty.out", "/healthz") as found:
        yield found


if __name__ == "__main__":
    uvicorn.run(
        empty_app(), port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
