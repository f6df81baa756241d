"""What processes use: processor time and memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psutil

_SAMPLE_S = 0.5


def cpu_s(process: psutil.Process) -> float:
    """Processor time that a process has used so far, in seconds, the kernel's on its behalf included."""
    times = process.cpu_times()
    return float(times.user + times.system)


def rss_mib(process: psutil.Process) -> float:
    """Memory of a process that is resident now, in MiB."""
    return float(process.memory_info().rss / 2**20)


@contextmanager
def memory_sampled(process: psutil.Process) -> Iterator[list[float]]:
    """The process's resident memory in MiB, taken twice a second during the block."""
    samples, over = [rss_mib(process)], Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_S):
            samples.append(rss_mib(process))

    thread = Thread(target=sample, name="memory")
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def cpu_of_children_s() -> float:
    """Processor time that the ended processes of this one have used so far, in seconds."""
    times = os.times()
    return times.children_user + times.children_system
