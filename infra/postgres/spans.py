"""The spans of the projector: a batch, and in the trace of each command's request the way of its events to the rows."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.trace import Link, SpanKind, Tracer

from infra.eventlog.record import Record
from infra.tracing import context_of, is_sampled


class ProjectionSpans:
    """``traced`` picks the commands; ``applied`` tells of them once their batch is in Postgres."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def applied(self, commands: Sequence[Sequence[Record]], events: int, begun_ns: int) -> None:
        """``commands`` of a batch of so many events, each all of its records; the batch began at ``begun_ns`` and ends now."""
        batch = self._tracer.start_span("project batch", start_time=begun_ns, attributes={"subledger.events": events})
        batch.end()
        link = Link(batch.get_span_context())
        for records in commands:
            attributes = records[0].attributes
            if is_sampled(traceparent := attributes.get("traceparent", "")):
                self._tracer.start_span(
                    f"project {attributes['type']}",
                    context_of(traceparent),
                    SpanKind.CONSUMER,
                    {"subledger.partition": records[0].partition, "subledger.sequence": records[-1].sequence},
                    [link],
                    begun_ns,
                ).end()
