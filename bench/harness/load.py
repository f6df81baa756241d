"""The load: wrk, one thread, requests from a file of values, and what it says of them."""

from __future__ import annotations

import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

import orjson

CONNECTIONS = 64
_SCRIPT = Path(__file__).with_name("load.lua")
# Beyond the round itself: what wrk grants its last answers.
_PATIENCE_S = 30


class LoadFailed(Exception):
    """The load could not be sent, or was not answered as it should be; the message is one line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent again and again; in ``path`` and ``body`` the text ``{}`` becomes the next line of the file ``values``.

    ``acknowledged``: a file to which the Location of every success is added. ``batch`` above 0: so many at once, by the batch
    route; latencies are then of whole batches.
    """

    method: str
    path: str
    token: str
    values: Path
    body: str = ""
    acknowledged: Path | None = None
    batch: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a round, in which every answer was a success; latencies in milliseconds."""

    answered: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def load(
    url: str,
    request: Request,
    seconds: float,
    *,
    connections: int = CONNECTIONS,
    per_second: float | None = None,
    may_be_refused: bool = False,
) -> Load:
    """Send for so many whole seconds as fast as answers come, or about ``per_second`` in all.

    Raises LoadFailed where an answer is no success, unless it ``may_be_refused``, or none comes.

    ``per_second`` is kept by pauses between a connection's requests, so it holds where answers take much less than a pause.
    """
    pause_ms = round(1000 * connections / per_second) if per_second else 0
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", "-s", str(_SCRIPT), url, "--",
        request.method, request.path, request.token, f"{uuid.uuid4().hex}-", str(request.values), str(pause_ms),
        str(request.acknowledged or ""), str(request.batch), request.body,
    ]  # fmt: skip
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + _PATIENCE_S, check=True)
    except FileNotFoundError:
        raise LoadFailed("wrk is not installed: apt-get install wrk") from None
    except subprocess.SubprocessError as error:
        raise LoadFailed(f"wrk failed: {error}") from error
    found = orjson.loads(ended.stdout.splitlines()[-1])
    if not found["requests"]:
        raise LoadFailed(f"nothing was answered in {seconds:g} s")
    if (found["refused"] and not may_be_refused) or found["failed"]:
        raise LoadFailed(f"of {found['requests']} requests {found['refused']} were refused, {found['failed']} not answered")
    return Load(
        answered=found["requests"] * max(1, request.batch),
        seconds=found["duration_us"] / 1e6,
        p50_ms=found["p50_us"] / 1e3,
        p95_ms=found["p95_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
    )
