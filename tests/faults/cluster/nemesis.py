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
    begun, under_way = time.monotonic(), dict[Planned, Undo]()
    # In this order even where one takes so long that the next is late: a fault that is healed after the next has begun would
    # start twice what was killed twice.
    coming = sorted([(each.at_s, each) for each in planned] + [(each.ends_s, each) for each in planned], key=lambda it: it[0])
    try:
        while (now_s := time.monotonic() - begun) < seconds:
            while coming and coming[0][0] <= now_s:
                _, fault = coming.pop(0)
                if fault in under_way:
                    under_way.pop(fault)()
                else:
                    told(str(fault))
                    under_way[fault] = strikes[fault.fault](site, fault.targets)
            site.ledger.keep()
            time.sleep(_TICK_S)
    finally:
        for undo in under_way.values():
            undo()
