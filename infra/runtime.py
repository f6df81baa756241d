"""How the interpreter runs in the processes that have much to do."""

from __future__ import annotations

import gc
import sys

# A thread that comes back from the log's client, or from a file, waits for the interpreter each time: 5 ms is the default.
SWITCH_INTERVAL_S = 0.0005
# By default the collector looks through the young objects every 700 allocations, and through the cached customers again and
# again while their number grows: 15 % of a command's time, and pauses of 150 ms; 10 % of the projector's time. Little of it is
# in circles. What is looked through at once makes a pause: 10,000 objects 4 ms, the next generation's 50,000 some 25 ms.
GC_THRESHOLDS = (10_000, 5, 500)


def tune() -> None:
    """For latency. Called once all modules are there: what they hold stays, and is looked through no more."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
