"""What processes use: processor time and memory."""

from __future__ import annotations

import psutil


def cpu_s(process: psutil.Process) -> float:
    """Processor time that a process has used so far, in seconds, the kernel's on its behalf included."""
    times = process.cpu_times()
    return float(times.user + times.system)


def rss_mib(process: psutil.Process) -> float:
    """Memory of a process that is resident now, in MiB."""
    return float(process.memory_info().rss / 2**20)
