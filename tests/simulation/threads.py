"""What stands in for ``threading`` and ``time`` in the code under simulation, with the same signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Self

from tests.simulation.kernel import Kernel, Strand


class Threads:
    """The stand-ins of one world; ``ident`` is that of ``threading.get_ident``."""

    def __init__(self, kernel: Kernel) -> None:
        class Thread(SimThread):
            _kernel = kernel

        class Condition(SimCondition):
            _kernel = kernel

        class Event(SimEvent):
            _kernel = kernel

        self.Thread = Thread
        self.Condition = Condition
        self.Event = Event
        self.time = SimTime(kernel)
        self.ident = lambda: id(kernel.current)


class SimTime:
    """In the place of the module ``time``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def monotonic(self) -> float:
        return self._kernel.now

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        self._kernel.sleep(seconds)


class SimThread:
    """A strand of the host that starts it."""

    _kernel: Kernel

    def __init__(self, target: Callable[..., None], name: str = "", args: Iterable[Any] = (), daemon: bool | None = None) -> None:
        self._target = target
        self._arguments = tuple(args)
        self._name = name
        self.daemon = daemon
        self._strand: Strand | None = None

    def start(self) -> None:
        self._strand = self._kernel.spawn(self._kernel.host, self._name, lambda: self._target(*self._arguments))

    def join(self, timeout: float | None = None) -> None:
        if self.is_alive():
            self._kernel.park(self._strand, timeout)

    def is_alive(self) -> bool:
        return self._strand is not None and not self._strand.ended


class SimCondition:
    """Nothing else runs between two blocking calls, so that its lock is always free."""

    _kernel: Kernel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, timeout: float | None = None) -> bool:
        return self._kernel.park(self, timeout)

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        end = inf if timeout is None else self._kernel.now + timeout
        while not predicate() and self._kernel.now < end:
            self._kernel.park(self, end - self._kernel.now)
        return predicate()

    def notify(self) -> None:
        self._kernel.wake(self)

    def notify_all(self) -> None:
        self._kernel.wake_all(self)


class SimEvent:
    """A flag to wait for."""

    _kernel: Kernel

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._kernel.wake_all(self)

    def clear(self) -> None:
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            self._kernel.park(self, timeout)
        return self._set
