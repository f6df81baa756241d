"""Puts the simulated clients, threads and time into the ledger's modules, which are otherwise as they are."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import count
from types import ModuleType
from typing import Any

import confluent_kafka
import confluent_kafka.admin

import infra.eventlog
import infra.node
from infra.eventlog.topics_check import refuse_unsafe
from tests.simulation.member import Member
from tests.simulation.producer import Producer
from tests.simulation.reading import Admin, Reading
from tests.simulation.threads import Threads
from tests.simulation.wire import Wire

_PACKAGES = (infra.eventlog, infra.node)


def _modules() -> Iterator[ModuleType]:
    for package in _PACKAGES:
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)
    yield importlib.import_module("infra.vault")


class _Chance:
    """In the place of ``os`` in the vault: nonces from the seed."""

    def __init__(self) -> None:
        self._number = count(1)

    def urandom(self, size: int) -> bytes:
        return next(self._number).to_bytes(size)


def _stand_ins(wire: Wire) -> Mapping[int, Any]:
    """By the identity of what they stand in for."""
    threads, members = Threads(wire.kernel), count(1)

    def consumer(settings: Mapping[str, Any]) -> Member | Reading:
        if settings.get("group.protocol") == "consumer":
            return Member(wire, next(members))
        return Reading(wire, settings)

    return {
        id(threading.Thread): threads.Thread,
        id(threading.Condition): threads.Condition,
        id(threading.Event): threads.Event,
        id(threading.get_ident): threads.ident,
        id(time): threads.time,
        id(confluent_kafka.Producer): partial(Producer, wire),
        id(confluent_kafka.Consumer): consumer,
        id(confluent_kafka.admin.AdminClient): lambda _settings: Admin(wire),
        id(refuse_unsafe): lambda *_: [],
        id(sys.modules["os"]): _Chance(),
    }


def _places() -> list[tuple[ModuleType, str, Any]]:
    """Where something stands that a stand-in is for; ``os`` in the vault alone: elsewhere it is about files."""
    wanted = {
        id(threading.Thread), id(threading.Condition), id(threading.Event), id(threading.get_ident), id(time),
        id(confluent_kafka.Producer), id(confluent_kafka.Consumer), id(confluent_kafka.admin.AdminClient), id(refuse_unsafe),
    }  # fmt: skip
    found = [(module, name, value) for module in _modules() for name, value in vars(module).items() if id(value) in wanted]
    vault = importlib.import_module("infra.vault")
    return [*found, (vault, "os", vault.os)]


_PLACES = _places()

# How often the code under simulation looks around while nothing happens: no promise rests on it, and most of a run would be that.
_SELDOM = (
    ("infra.eventlog.window", "IDLE_S", 0.25),
    ("infra.node.clocks", "TICK_S", 0.5),
    ("infra.node.follower", "POLL_S", 1.0),
)


@contextmanager
def installed(wire: Wire) -> Iterator[None]:
    """One world at a time."""
    stand_ins = _stand_ins(wire)
    try:
        for module, name, original in _PLACES:
            setattr(module, name, stand_ins[id(original)])
        for place, name, seconds in _SELDOM:
            setattr(sys.modules[place], name, seconds)
        yield
    finally:
        for module, name, original in _PLACES:
            setattr(module, name, original)


def set_event_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """The loop of the strand that runs from now on."""
    asyncio._set_running_loop(loop)
