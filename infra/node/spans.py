"""The spans of a command: its decision, and the wait until its window has committed. Both belong to the request's."""

from __future__ import annotations

from opentelemetry.trace import Span, StatusCode, Tracer

from commands.command import Command
from domain.errors import Refusal
from infra.eventlog.listener import Committed
from infra.tracing import context_of


class CommandSpans:
    """Of commands that came with a trace; timers and outcomes have none."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def decided(self, command: Command, partition: str, begun_ns: int, before: Span | None) -> Span | None:
        """A decision was made that began at ``begun_ns``; gives the span of the commit that it waits for from now on.

        ``before`` is that of an earlier decision, whose window failed.
        """
        if before is not None:
            end_failed(before, "decided again")
        if not command.traceparent:
            return None
        parent = context_of(command.traceparent)
        attributes = {"subledger.command": command.name, "subledger.partition": partition}
        self._tracer.start_span("decide", parent, attributes=attributes, start_time=begun_ns).end()
        return self._tracer.start_span("commit", parent, attributes=attributes)


def end_committed(span: Span, committed: Committed, refusal: Refusal | None) -> None:
    """The window has committed, and with it what a ``refusal`` rests on."""
    span.set_attribute("subledger.sequence", committed.sequence)
    if refusal is not None:
        span.set_attribute("subledger.refusal", refusal.code)  # not its text, which may tell of a customer
    span.end()


def end_failed(span: Span, reason: str) -> None:
    """It has not, or nobody waits for it any more."""
    span.set_status(StatusCode.ERROR, reason)
    span.end()
