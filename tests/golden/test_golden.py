"""One literal payload of every event version ever written: each must still decode, today's must come out as they went in.

The files are kept for good. A new version of an event adds a file; the old one then proves its upcaster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.registry import EVENTS, UPCASTERS, UnknownEvent, decode, encode

FILES = sorted(Path(__file__).parent.glob("*.json"))
GOLDEN = {path.name.removesuffix(".json"): orjson.loads(path.read_bytes()) for path in FILES}
CURRENT = [name for name in GOLDEN if name in EVENTS]


def decoded(payload: dict[str, Any]) -> Any:
    return decode(payload["stream"], payload["version"], payload["type"], orjson.dumps(payload["value"]))


def test_every_event_version_has_a_payload_and_every_payload_its_event() -> None:
    assert set(GOLDEN) == {*EVENTS, *UPCASTERS}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_payload_decodes(name: str) -> None:
    payload = GOLDEN[name]
    assert (payload["type"], set(payload)) == (name, {"type", "stream", "version", "value"})
    event = decoded(payload)
    assert (event.originator_id, event.originator_version) == (payload["stream"], payload["version"])


@pytest.mark.parametrize("name", CURRENT)
def test_a_payload_comes_out_byte_for_byte(name: str) -> None:
    payload = GOLDEN[name]
    event = decoded(payload)
    assert type(event) is EVENTS[name]
    assert encode(event) == orjson.dumps(payload["value"])


@pytest.mark.parametrize("name", CURRENT)
def test_a_payload_with_a_field_more_or_less_is_refused(name: str) -> None:
    payload = GOLDEN[name]
    for value in (payload["value"] | {"surprise": 1}, {k: v for k, v in payload["value"].items() if k != "timestamp"}):
        with pytest.raises(ValueError, match=r"surprise|timestamp"):
            decoded(payload | {"value": value})


def test_an_event_that_is_not_known_is_named() -> None:
    with pytest.raises(UnknownEvent, match=r"subscription\.vanished\.v1"):
        decode("sub_1", 1, "subscription.vanished.v1", b"{}")
