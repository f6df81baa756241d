"""What a commit sets going outside of its partition, and what came of it as a command: charges, and transfers to other customers.

What has no end that was seen is begun again, after a restart, too: with the same key, so that it is done once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from commands.command import Command
from commands.ports import Answer, NotServed, Unavailable
from domain.errors import Refusal
from domain.payment.aggregate import Payment
from domain.subscription.aggregate import Subscription
from infra.node.charges import Charges
from infra.node.transfers import Transfers

_log = structlog.get_logger(__name__)

RETRY_S = 0.5


class Effects:
    """Runs at most one for a payment or subscription. ``submit`` takes the outcome's command, and raises Unavailable while it
    cannot.
    """

    def __init__(self, charges: Charges, transfers: Transfers, submit: Callable[[Command], Awaitable[Answer]]) -> None:
        self._charges = charges
        self._transfers = transfers
        self._submit = submit
        self._running: dict[str, asyncio.Task[None]] = {}
        self._customers: dict[str, set[str]] = {}

    def charge(self, payment: Payment, at: datetime) -> None:
        """Send the payment's running attempt, unless that is being done; ``at`` is the outcome's time on a test clock."""
        self._start(payment.id, payment.customer, lambda: self._charges.outcome(payment, at))

    def transfer(self, subscription: Subscription, clock: str | None) -> None:
        """Hand a subscription over, unless that is being done; ``clock`` is its customer's test clock."""
        self._start(subscription.id, subscription.customer, lambda: self._transfers.outcome(subscription, clock))

    def _start(self, stream: str, customer: str, outcome: Callable[[], Awaitable[Command]]) -> None:
        if stream not in self._running:
            self._running[stream] = asyncio.get_running_loop().create_task(self._run(stream, customer, outcome))
            self._customers.setdefault(customer, set()).add(stream)

    async def _run(self, stream: str, customer: str, outcome: Callable[[], Awaitable[Command]]) -> None:
        try:
            await self._settle(await outcome())
        except Exception:  # told here: nobody may be waiting, and the open effect is tried again at the next start
            _log.exception("effect failed to settle", stream=stream)
        finally:
            del self._running[stream]
            streams = self._customers[customer]
            streams.discard(stream)
            if not streams:
                del self._customers[customer]

    async def _settle(self, command: Command) -> None:
        while True:
            try:
                await self._submit(command)
                return
            except Refusal as refusal:
                _log.warning("outcome refused", command=command.id, refusal=refusal.code)
                return
            except NotServed:
                return  # whoever owns the partition next begins again
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    def charging(self) -> int:
        """How many calls to providers run."""
        return self._charges.running

    def running(self, stream: str) -> asyncio.Task[None] | None:
        """What runs for a payment or subscription, if something does."""
        return self._running.get(stream)

    async def idle(self, customer: str) -> None:
        """Wait until nothing runs for a customer."""
        while tasks := [self._running[stream] for stream in self._customers.get(customer, ())]:
            await asyncio.wait(tasks)

    def customers(self) -> list[str]:
        """Customers for whom something runs."""
        return list(self._customers)

    async def close(self) -> None:
        """Wait for nothing any more: what is open stays open in the log."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
