"""What processes use: processor time and memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psutil

_SAMPLE_S = 1.0


def cpu_s(process: psutil.Process) -> float:
    """Processor time that a process and its children have used so far, in seconds, the kernel's on their behalf included."""
    times = [each.cpu_times() for each in _all(process)]
    return float(sum(each.user + each.system for each in times))


def own_cpu_s(process: psutil.Process) -> float:
    """The same without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


def listener(address: str) -> psutil.Process | None:
    """The process that listens at ``host:port``; None where it is on another machine, or not ours to look at."""
    port = int(address.rpartition(":")[2])
    for each in psutil.net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid is not None:
            return psutil.Process(each.pid)
    return None


def rss_mib(process: psutil.Process) -> float:
    """Memory of a process and its children that is resident now, in MiB; what they share counts for each."""
    return float(sum(each.memory_info().rss for each in _all(process)) / 2**20)


def _all(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


@contextmanager
def memory_sampled(process: psutil.Process) -> Iterator[list[float]]:
    """Resident memory of a process and its children in MiB, taken once a second during the block."""
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
