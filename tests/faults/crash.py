"""kill -9 at random moments during an import: afterwards the ledger is the one that nothing had happened to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from infra.importing.generate import generate
from tests.e2e.importing import REAL
from tests.faults.checks import Verdict, check
from tests.faults.deployment import Deployment, Log, deployed
from tests.faults.work import Work

MADE_UP = 3000  # rows
WORK_LIMIT_S = 1800.0
HOLD_S = 0.1  # a kill comes up to so long after its share of the import is done
DOWN_S = 1.0  # and the part is started again up to so long after it
WINDOW, IMPORTER, ALL = "window", "importer", "all"  # the window process is the command node's child, which ends with it
VICTIMS: Mapping[Log, tuple[str, ...]] = {
    "embedded": ("commands", WINDOW, "projector", "postgres", IMPORTER, ALL),
    "kafka": ("commands", "broker", WINDOW, "projector", "postgres", IMPORTER, ALL),
}


@dataclass(frozen=True, slots=True)
class Kill:
    """What was killed, when a share of the import was done and so many commands acknowledged; it was down for so long."""

    log: Log
    victim: str
    progress: float
    acknowledged: int
    down_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that passed every check. ``ended``: how often a process ended for want of another, and was started again."""

    log: Log
    kills: tuple[Kill, ...]
    ended: int
    verdict: Verdict
    seconds: float


Told = Callable[[Kill], None]


def subscribers(path: Path, rows: int | None, random: Random) -> Path:
    """A file to import: the telecom company's where it is here, else a made-up one; of that all, or so many rows."""
    if not REAL.exists():
        generate(path, rows or MADE_UP, seed=random.randrange(10**6))
        return path
    header, *lines = REAL.read_text("utf-8").splitlines(keepends=True)
    path.write_text(header + "".join(lines if rows is None else random.sample(lines, rows)), "utf-8")
    return path


def victims(log: Log, rounds: int, random: Random) -> list[str]:
    """So many to be killed, each as often as any other, in random order."""
    chosen = [VICTIMS[log][number % len(VICTIMS[log])] for number in range(rounds)]
    random.shuffle(chosen)
    return chosen


def crash(log: Log, folder: Path, file: Path, chosen: Sequence[str], random: Random, customers: int, told: Told) -> Outcome:
    """Import ``file``, killing those chosen in their order at random moments, and check what came of it (AssertionError)."""
    begun, kills = time.monotonic(), []
    with deployed(folder, log) as deployment:
        work = Work(deployment.running, file, customers)
        work.start()
        for number, victim in enumerate(chosen):
            # Each kill meets work of its own: what the others leave is not done while a part takes long to come back.
            work.limit = (number + 1) / (len(chosen) + 1)
            _let_go_on(deployment, work, (number + random.random()) / (len(chosen) + 1))
            time.sleep(random.uniform(0, HOLD_S))
            kill = Kill(log, victim, work.progress, len(work.receipts), random.uniform(0, DOWN_S))
            _strike(deployment, work, kill)
            kills.append(kill)
            told(kill)
        work.limit = 1.0
        _let_go_on(deployment, work, None)
        ended = deployment.commands.ended + deployment.projector.ended
        verdict = check(deployment, work, file)
    return Outcome(log, tuple(kills), ended, verdict, time.monotonic() - begun)


def _let_go_on(deployment: Deployment, work: Work, share: float | None) -> None:
    """Until a share of the import is done, or (None) all of it and the load."""
    deployment.wait(lambda: work.over() or (share is not None and work.progress >= share), "no progress", WORK_LIMIT_S)


def _strike(deployment: Deployment, work: Work, kill: Kill) -> None:
    if kill.victim == IMPORTER:
        work.kill_importer()
        return
    if kill.victim == WINDOW:
        deployment.wait_ready()
        deployment.commands.kill_child()
        return
    names = list(deployment.parts) if kill.victim == ALL else [kill.victim]
    for name in reversed(names):
        deployment.parts[name].kill()
    time.sleep(kill.down_s)
    for name in names:
        deployment.parts[name].start()
