"""Traces with OpenTelemetry: a request, the decision and the commit of its command, and, by the `traceparent` that its events
carry, the rows that they become.

Off unless one of the standard variables names where traces go; then the other `OTEL_` variables say the rest (sampling, headers,
the service's name). What traces takes a Tracer or None: off costs a comparison.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_FLUSH_LIMIT_S = 1.0
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def tracing(service: str) -> Iterator[Tracer | None]:
    """A tracer that exports by OTLP over HTTP, as the environment says; None where it names no endpoint."""
    if not any(map(os.environ.get, _ENDPOINTS)):
        yield None
        return
    provider = _exporting(os.environ.get("OTEL_SERVICE_NAME") or service)
    try:
        yield provider.get_tracer("subledger")
    finally:
        flushing = Thread(target=provider.shutdown, name="traces", daemon=True)
        flushing.start()
        flushing.join(_FLUSH_LIMIT_S)  # a collector that is away is not waited for


def _exporting(service: str) -> TracerProvider:
    # Imported here: off, it costs neither time nor memory.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def context_of(traceparent: str) -> Context:
    """What a span continues; of no trace: a new one."""
    return _PROPAGATOR.extract({"traceparent": traceparent}, Context())


def traceparent_of(span: Span) -> str:
    """What continues a span, as a header."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def is_sampled(traceparent: str) -> bool:
    """Whether somebody records the trace: the last bit of the flags."""
    return traceparent[-1:] in tuple("13579bdf")
