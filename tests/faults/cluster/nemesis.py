"""Does what the schedule says, heals it, and starts again what ended by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from tests.faults.cluster.faults import FAULTS, FAULTS_OF_HOSTS, Site
from tests.faults.cluster.network import Undo
from tests.faults.cluster.schedule import Planned

_TICK_S = 0.05
_log = structlog.get_logger(__name__)


def torment(site: Site, planned: Sequence[Planned], seconds: float, told: Callable[[str], None]) -> None:
    """For so long; nothing is wrong any more when it returns, however it does. ``told`` hears what begins."""
    strikes = {name: strike for name, (_, strike) in (FAULTS | FAULTS_OF_HOSTS).items()}
    begun = time.monotonic()
    coming, under_way = sorted(planned, key=lambda each: each.at_s), list[tuple[float, Undo]]()
    try:
        while (now_s := time.monotonic() - begun) < seconds:
            for ends_s, undo in [each for each in under_way if each[0] <= now_s]:
                under_way.remove((ends_s, undo))
                undo()
            while coming and coming[0].at_s <= now_s:
                fault = coming.pop(0)
                told(str(fault))
                under_way.append((fault.ends_s, strikes[fault.fault](site, fault.targets)))
            site.ledger.keep()
            time.sleep(_TICK_S)
    finally:
        for _, undo in under_way:
            undo()
