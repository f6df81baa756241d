"""One history: a schedule run from its seed to the end, and judged."""

from __future__ import annotations

import gc
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import structlog
from structlog.typing import EventDict

from tests.simulation.judge import Judge
from tests.simulation.kernel import Kernel
from tests.simulation.stand_ins import installed, set_event_loop
from tests.simulation.steps import HORIZON_S, Step, schedule
from tests.simulation.world import World

SETTLE_S = 180.0
COLLECT_EVERY = 20
ROWS_EVERY = 4

Listen = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``fingerprint`` is the hash of all that happened, ``violations`` what must not have; ``commands`` count in the log."""

    seed: int
    fingerprint: str
    violations: tuple[str, ...]
    commands: int
    virtual_s: float


def nodes_of(seed: int) -> int:
    """How many nodes a seed has."""
    return Random(f"nodes {seed}").choice((1, 2, 2, 2, 3))


def run(seed: int, steps: Sequence[Step] | None = None, *, quiet: bool = False, listen: Listen | None = None) -> Verdict:
    """Run a seed's schedule, or given ``steps``. ``quiet``: without chance. ``listen`` is told all that happens."""
    kernel = Kernel(seed, quiet=quiet, on_switch=set_event_loop)
    if listen is not None:
        _speak(kernel, listen)
    with tempfile.TemporaryDirectory(dir=_fast(), prefix="simulation-") as folder:
        world = World(kernel, Path(folder), nodes_of(seed))
        judge = Judge(world, compares_rows=seed % ROWS_EVERY == 0)
        with installed(world.wire):
            try:
                _play(world, schedule(seed, nodes_of(seed)) if steps is None else steps)
                judge.judge(Path(folder))
            except Exception as error:  # whatever broke, the code or the simulation, is a finding
                judge.violations.append(f"{type(error).__name__}: {error}")
            finally:
                world.end()
    return Verdict(seed, kernel.fingerprint(), tuple(judge.violations), judge.commands, kernel.now)


def silence() -> None:
    """The code under simulation logs nothing from now on."""
    structlog.configure(
        processors=[_drop], wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True
    )
    logging.disable()


def many(seeds: Sequence[int]) -> list[Verdict]:
    """Run these seeds, in silence."""
    silence()
    gc.disable()  # a world is garbage all at once
    verdicts = []
    for number, seed in enumerate(seeds, 1):
        verdicts.append(run(seed))
        if number % COLLECT_EVERY == 0:
            gc.collect()
    return verdicts


def _play(world: World, steps: Sequence[Step]) -> None:
    kernel = world.kernel
    for name in world.servers:
        world.start(name)
    world.set_up_shop()
    for step in steps:
        kernel.at(step.at, _do, world, step)
    kernel.at(HORIZON_S, world.heal)
    kernel.run(HORIZON_S + SETTLE_S)


def _do(world: World, step: Step) -> None:
    world.kernel.trace(f"→ {step}")
    step.do(world)


def _speak(kernel: Kernel, listen: Listen) -> None:
    """Tell what is noted, and what the code under simulation logs."""

    def log(_logger: object, level: str, event: EventDict) -> EventDict:
        if event.pop("exc_info", None) and kernel.host.dead:
            raise structlog.DropEvent  # of a process that was killed nobody hears
        text = " ".join([str(event.pop("event")), *(f"{name}={value}" for name, value in event.items())])
        listen(f"{kernel.now:9.3f}      {kernel.host.name} logs {level}: {text}")
        raise structlog.DropEvent

    kernel.listening = listen
    structlog.configure(processors=[log], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def _drop(*_: object) -> EventDict:
    raise structlog.DropEvent


def _fast() -> str | None:
    """Indexes are no worse for lying in memory."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
