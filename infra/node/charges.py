"""Payment attempts: the call to the provider, once the attempt is committed.

A call whose end is not seen is made again with the same key (after a restart, too); what came of it is decided by the payment.
"""

from __future__ import annotations

import time
from datetime import datetime

import structlog

from commands.command import Command
from commands.payment.settle import outcome_command
from commands.ports import ChargeOutcome, Unknown
from domain.customer.events import PaymentMethod
from domain.payment.aggregate import Payment
from domain.payment.events import PaymentAttemptStarted
from infra.node.counts import NodeCounts
from infra.psp.registry import Gateways

_log = structlog.get_logger(__name__)


class Charges:
    """``running`` is the number of calls."""

    def __init__(self, gateways: Gateways, counts: NodeCounts) -> None:
        self.running = 0
        self._gateways = gateways
        self._counts = counts

    async def outcome(self, payment: Payment, at: datetime) -> Command:
        """Send the payment's running attempt; ``at`` is the outcome's time on a test clock."""
        attempt = payment.attempt
        assert attempt is not None
        assert attempt.method is not None
        outcome = Unknown() if at >= attempt.key_expires_at else await self._charge(payment, attempt, attempt.method)
        return outcome_command(payment, outcome, at)

    async def _charge(self, payment: Payment, attempt: PaymentAttemptStarted, method: PaymentMethod) -> ChargeOutcome:
        begun = time.perf_counter()
        self.running += 1
        try:
            outcome = await self._call(payment, attempt, method)
        finally:
            self.running -= 1
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
