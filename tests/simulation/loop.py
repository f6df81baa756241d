"""An event loop of a simulated process: asyncio's own tasks and futures, run by a strand in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any

from tests.simulation.kernel import Host, Kernel


class SimLoop(asyncio.BaseEventLoop):
    """Callbacks run in their order, as asyncio has it; between two of them others may run."""

    def __init__(self, kernel: Kernel, host: Host) -> None:
        self.host = host
        self._kernel = kernel
        self._queue: deque[asyncio.Handle] = deque()
        super().__init__()
        kernel.spawn(host, "loop", self._run, self)
        self.errors: list[str] = []

    def _run(self) -> None:
        while True:
            while self._queue:
                handle = self._queue.popleft()
                if not handle.cancelled():
                    handle._run()
                    self._kernel.give_way()
            self._kernel.park(self)

    def _post(self, handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            self._queue.append(handle)
            self._kernel.wake(self)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._post(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._kernel.at(when, self._post, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Passed over when it is due."""

    def time(self) -> float:
        return self._kernel.now

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """On a strand of its own."""
        future = self.create_future()

        def work() -> None:
            try:
                self.call_soon(_give, future, func(*args), None)
            except Exception as error:
                self.call_soon(_give, future, None, error)

        self._kernel.spawn(self.host, "executor", work)
        return future

    def is_closed(self) -> bool:
        return self.host.dead

    def is_running(self) -> bool:
        return True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.host.dead:
            self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")


def _give(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
