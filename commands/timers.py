"""What fires when a timer falls due, as a table.

A timer is a pure function of its aggregate; it fires as an ordinary command with the id ``timer:<stream>/<kind>/<due>``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from commands.command import Command
from commands.invoice.finalize import finalize_draft
from commands.payment.retry import retry
from commands.subscription.bill import bill
from commands.subscription.change_scheduled import change_as_scheduled
from commands.subscription.end import cancel_as_scheduled, expire
from commands.subscription.end_trial import end_trial
from commands.subscription.give_up import give_up
from commands.subscription.pause import resume_as_scheduled
from commands.unit import Unit
from domain.event import Aggregate

TIMER = "timer"  # the actor of what no client sent

TIMERS: dict[str, Callable[[Unit, str], Aggregate]] = {
    "retry": retry,
    "cancel": cancel_as_scheduled,
    "expire": expire,
    "give_up": give_up,
    "resume": resume_as_scheduled,
    "change": change_as_scheduled,
    "trial_end": end_trial,
    "bill": bill,
    "finalize": finalize_draft,
}


def timer_command(tenant: str, customer: str, stream: str, kind: str, due: datetime, at: datetime | None = None) -> Command:
    """The command that a due timer sends; ``at`` is its business time for a customer on a test clock, ``due`` by default."""
    fire = TIMERS[kind]
    return Command(
        tenant=tenant,
        customer=customer,
        id=f"timer:{stream}/{kind}/{due.astimezone(UTC).isoformat()}",
        handler=lambda unit: fire(unit, stream),
        actor=TIMER,
        at=at or due,
        name=f"timer_{kind}",
    )
