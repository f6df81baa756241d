"""Payment attempts: the call to the provider after the attempt is committed, and the outcome as a command.

A call whose end is not seen is made again with the same key (after a restart, too); what came of it is decided by the payment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from commands.command import Command
from commands.payment.settle import outcome_command
from commands.ports import Answer, ChargeOutcome, NotServed, Unavailable, Unknown
from domain.customer.events import PaymentMethod
from domain.errors import Refusal
from domain.payment.aggregate import Payment
from domain.payment.events import PaymentAttemptStarted
from infra.node.counts import NodeCounts
from infra.psp.registry import Gateways

_log = structlog.get_logger(__name__)

RETRY_S = 0.5


class Effects:
    """Runs at most one call a payment. ``submit`` takes the outcome's command, and raises Unavailable while it cannot."""

    def __init__(self, gateways: Gateways, submit: Callable[[Command], Awaitable[Answer]], counts: NodeCounts) -> None:
        self._gateways = gateways
        self._submit = submit
        self._counts = counts
        self._running: dict[str, asyncio.Task[None]] = {}
        self._customers: dict[str, set[str]] = {}

    def start(self, payment: Payment, at: datetime) -> asyncio.Task[None]:
        """Send the payment's running attempt, unless that is being done; ``at`` is the outcome's time on a test clock."""
        running = self._running.get(payment.id)
        if running is not None:
            return running
        task = asyncio.get_running_loop().create_task(self._run(payment, at))
        self._running[payment.id] = task
        self._customers.setdefault(payment.customer, set()).add(payment.id)
        return task

    async def _run(self, payment: Payment, at: datetime) -> None:
        try:
            await self._settle(payment, at)
        except Exception:  # told here: nobody may be waiting, and the open effect is tried again at the next start
            _log.exception("payment attempt failed to settle", payment=payment.id, attempt=payment.attempts)
        finally:
            del self._running[payment.id]
            customer = self._customers[payment.customer]
            customer.discard(payment.id)
            if not customer:
                del self._customers[payment.customer]

    async def _settle(self, payment: Payment, at: datetime) -> None:
        attempt = payment.attempt
        assert attempt is not None
        assert attempt.method is not None
        outcome = Unknown() if at >= attempt.key_expires_at else await self._charge(payment, attempt, attempt.method)
        command = outcome_command(payment, outcome, at)
        while True:
            try:
                await self._submit(command)
                return
            except Refusal as refusal:
                _log.warning("outcome refused", payment=payment.id, attempt=payment.attempts, refusal=refusal.code)
                return
            except NotServed:
                return  # whoever owns the partition next sends the attempt again
            except Unavailable:
                await asyncio.sleep(RETRY_S)

    async def _charge(self, payment: Payment, attempt: PaymentAttemptStarted, method: PaymentMethod) -> ChargeOutcome:
        begun = time.perf_counter()
        outcome = await self._call(payment, attempt, method)
        name = type(outcome).__name__.lower()
        self._counts.charges[method.provider, name].observe(time.perf_counter() - begun)
        return outcome

    async def _call(self, payment: Payment, attempt: PaymentAttemptStarted, method: PaymentMethod) -> ChargeOutcome:
        try:
            return await self._gateways[method.provider].charge(
                key=attempt.key, token=method.token, account=payment.customer, amount=attempt.amount
            )
        except Exception:  # whatever went wrong, the money may have moved: only the provider's final state tells
            _log.exception("provider call failed", payment=payment.id, attempt=payment.attempts)
            return Unknown()

    def __len__(self) -> int:
        """How many calls run."""
        return len(self._running)

    def running(self, payment: str) -> asyncio.Task[None] | None:
        """The call that runs for a payment, if one does."""
        return self._running.get(payment)

    async def idle(self, customer: str) -> None:
        """Wait until no call runs for a customer."""
        while tasks := [self._running[payment] for payment in self._customers.get(customer, ())]:
            await asyncio.wait(tasks)

    def customers(self) -> list[str]:
        """Customers for whom a call runs."""
        return list(self._customers)

    async def close(self) -> None:
        """Stop waiting for providers: open attempts stay open in the log."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
