"""The scheduler of a simulated world: one thread of execution, virtual time, and chance from a seed.

Everything that would be a thread, or a process's event loop, is a *strand*: a greenlet that runs until it blocks, and blocks only
in calls of this module. Of the strands that could run the seed picks the next; where none can, time moves on to the next timer.
So a run is a function of its seed. A *host* is one simulated process: it can be paused as a whole (SIGSTOP) and killed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

TICK_S = 1e-6  # the shortest wait: less may be lost in rounding, and time would stand still
STEPS_MAX = 20_000  # at one instant


class Killed(BaseException):
    """The simulated process that runs this was killed: nothing of it happens any more."""


class Stuck(Exception):
    """Something runs in circles."""


@dataclass(eq=False, slots=True)
class Host:
    """A simulated process. ``cut`` are the times until which it reaches no broker."""

    name: str
    dead: bool = False
    paused_until: float = 0.0
    cut_until: float = 0.0
    skew_s: float = 0.0
    strands: list[Strand] = field(default_factory=list)
    held: list[Strand] = field(default_factory=list)  # ready, but of a paused host


class Strand:
    """One simulated thread of ``host``. ``loop`` is the event loop that it runs, if it runs one."""

    def __init__(self, kernel: Kernel, host: Host, name: str, run: Callable[[], None], loop: Any = None) -> None:
        self.host = host
        self.name = name
        self.loop = loop
        self.ended = False
        self.ready = False
        self.parked: object | None = None
        self.woken = False
        self._run = run
        self._kernel = kernel
        self.greenlet = greenlet(self._body, kernel.main)
        self.greenlet.gr_context = copy_context()
        host.strands.append(self)

    def _body(self) -> None:
        try:
            self._run()
        except Killed:
            pass
        finally:
            self.ended = True
            self.host.strands.remove(self)
            self._kernel.wake_all(self)


class Kernel:
    """``quiet`` runs take turns and have no chance in them, so that a short schedule can be read."""

    def __init__(self, seed: int, *, quiet: bool = False, on_switch: Callable[[Any], None]) -> None:
        self.main = getcurrent()
        self.now = 0.0
        self.steps = 0
        self.quiet = quiet
        self.done = False
        self._random = Random(seed)
        self._on_switch = on_switch
        self._ready: list[Strand] = []
        self._timers: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._current: Strand | None = None
        self._waiting: dict[object, list[tuple[Strand, object]]] = {}
        self._hash = sha256()
        self.listening: Callable[[str], None] | None = None

    # What happened

    def trace(self, text: str) -> None:
        """Note what happens: the hash of all notes tells whether two runs are the same."""
        self._hash.update(b"%a %b\n" % (self.now, text.encode()))
        if self.listening is not None:
            self.listening(f"{self.now:9.3f}  {text}")

    def fingerprint(self) -> str:
        return self._hash.hexdigest()

    # Chance

    def chance(self, probability: float) -> bool:
        return not self.quiet and self._random.random() < probability

    def latency(self, usual_s: float = 0.001) -> float:
        """How long a message takes: as a rule little, now and then much longer."""
        if self.quiet:
            return usual_s
        draw = self._random.random()
        return usual_s * (0.2 + 2 * draw if draw < 0.9 else 1 + 60 * (draw - 0.9) * 10 * self._random.random())

    # Time

    def at(self, when: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call something, which must not block, at a time."""
        heappush(self._timers, (max(when, self.now), next(self._order), call, arguments))

    def after(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now + (max(delay_s, TICK_S) if delay_s > 0 else 0), call, *arguments)

    # Strands

    @property
    def current(self) -> Strand:
        assert self._current is not None, "called by a strand"
        return self._current

    @property
    def host(self) -> Host:
        return self.current.host

    def spawn(self, host: Host, name: str, run: Callable[[], None], loop: Any = None) -> Strand:
        strand = Strand(self, host, name, run, loop)
        self._make_ready(strand)
        return strand

    def park(self, on: object = None, timeout_s: float | None = None) -> bool:
        """Block the current strand until ``wake`` is called for ``on``, or for a time; tells whether it was woken."""
        strand = self.current
        self._check_alive(strand)
        ticket = strand.parked = object()
        if on is not None:
            self._waiting.setdefault(on, []).append((strand, ticket))
        if timeout_s is not None and timeout_s < inf:
            self.after(timeout_s, self._wake, strand, ticket, False)
        self._switch(strand)
        return strand.woken

    def sleep(self, seconds: float) -> None:
        self.park(None, max(0.0, seconds))

    def give_way(self) -> None:
        """Let others run, where some could."""
        strand = self.current
        self._check_alive(strand)
        if not self._ready and strand.host.paused_until <= self.now:
            return
        self._make_ready(strand)
        self._switch(strand)

    def wake(self, on: object) -> bool:
        """Wake the first that waits for ``on``; tells whether one did."""
        waiting = self._waiting.get(on, [])
        while waiting:
            strand, ticket = waiting.pop(0)
            if strand.parked is ticket:
                self._wake(strand, ticket, True)
                return True
        self._waiting.pop(on, None)
        return False

    def wake_all(self, on: object) -> None:
        while self.wake(on):
            pass

    def _wake(self, strand: Strand, ticket: object, woken: bool) -> None:
        if strand.parked is ticket and not strand.ended:
            strand.parked = None
            strand.woken = woken
            self._make_ready(strand)

    def _make_ready(self, strand: Strand) -> None:
        if not strand.ready and not strand.host.dead:
            strand.ready = True
            (strand.host.held if strand.host.paused_until > self.now else self._ready).append(strand)

    def _switch(self, strand: Strand) -> None:
        self.main.switch()
        self._check_alive(strand)

    def _check_alive(self, strand: Strand) -> None:
        if strand.host.dead:
            raise Killed

    # Hosts

    def pause(self, host: Host, seconds: float) -> None:
        """Nothing of the host runs for so long."""
        host.paused_until = max(host.paused_until, self.now + seconds)
        self.at(host.paused_until, self._resume, host)

    def _resume(self, host: Host) -> None:
        if host.paused_until <= self.now:
            self._ready += host.held
            host.held = []

    def kill(self, host: Host) -> None:
        """The host ends where it stands. What its strands still do in passing is not seen by anybody."""
        host.dead = True
        for strand in list(host.strands):
            if strand is not self._current:
                self._enter(strand)
        host.held.clear()

    def _enter(self, strand: Strand) -> None:
        """Let a strand of a dead host unwind."""
        if not strand.greenlet:  # it has not begun
            strand.ended = True
            return
        before, self._current = self._current, strand
        self._on_switch(strand.loop)
        strand.greenlet.parent = getcurrent()
        strand.greenlet.throw(Killed)
        self._current = before
        self._on_switch(before.loop if before is not None else None)

    # The run

    def run(self, limit_s: float) -> None:
        """Go on until ``done`` is set, or ``limit_s`` of virtual time have passed."""
        end = self.now + limit_s
        while not self.done:
            if self._ready:
                self._step()
            elif self._timers and self._timers[0][0] <= end:
                self._tick()
            else:
                self.now = end
                return

    def _tick(self) -> None:
        when, _, call, arguments = heappop(self._timers)
        if when > self.now:
            self.now, self.steps = when, 0
        call(*arguments)
        while self._timers and self._timers[0][0] <= self.now:
            _, _, call, arguments = heappop(self._timers)
            call(*arguments)

    def _step(self) -> None:
        self.steps += 1
        ready = self._ready
        if self.steps > STEPS_MAX:
            busy = ", ".join(f"{strand.host.name}'s {strand.name}" for strand in ready)
            raise Stuck(f"{self.steps} steps at one instant, by {busy}")
        fixed = len(ready) == 1 or self.quiet
        strand = ready.pop(0 if fixed else int(self._random.random() * len(ready)))
        strand.ready = False
        host = strand.host
        if host.dead or strand.ended:
            return
        if host.paused_until > self.now:
            strand.ready = True
            host.held.append(strand)
            return
        self._current = strand
        self._on_switch(strand.loop)
        strand.greenlet.switch()
        self._current = None
        self._on_switch(None)
