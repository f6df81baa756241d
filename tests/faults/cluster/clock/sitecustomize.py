"""Read by every Python process that has this folder on its path: its wall clock is off by as many seconds as the file named by
``FAULTS_CLOCK`` says, at any moment. The monotonic clock goes on as it does.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

_FRESH_S = 0.1
_file = Path(os.environ["FAULTS_CLOCK"])
_true_time = time.time
_offset_s = 0.0
_read_at = 0.0


def _time() -> float:
    global _offset_s, _read_at
    now = time.monotonic()
    if now - _read_at > _FRESH_S:
        _offset_s, _read_at = float(_file.read_text()), now
    return _true_time() + _offset_s


def _wall_clock() -> datetime:
    return datetime.fromtimestamp(_time(), UTC)


# First: what asks for the time by name has it in its defaults once it is imported.
time.time = _time

import infra.bootstrap  # noqa: E402

infra.bootstrap.wall_clock = _wall_clock
