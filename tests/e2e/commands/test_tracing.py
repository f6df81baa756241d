"""One request is followed to its rows; what nobody samples leaves no span; off is off."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from infra.eventlog.sqlite import SqliteLog
from infra.postgres.migrate import migrate
from infra.postgres.projector import run_projector
from infra.postgres.roles import projector_dsn
from infra.postgres.spans import ProjectionSpans
from infra.tracing import tracing
from infra.vault import Vault
from tests.e2e.commands.conftest import Api, command_api

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def exported() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exported: InMemorySpanExporter) -> Iterator[Tracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    yield provider.get_tracer("test")
    provider.shutdown()


@pytest.fixture
def traced(tmp_path: Path, tracer: Tracer) -> Iterator[Api]:
    with command_api(tmp_path, tracer=tracer) as ledger:
        yield ledger.new_tenant()


def project(log: SqliteLog, dsn: str, spans: ProjectionSpans) -> None:
    """What the log holds, as the projector's process does it."""
    keys, stop = log.keys(), Event()
    try:
        vault = Vault(bytes(range(32)), keys)
        run_projector(log, projector_dsn(dsn), vault, stop, on_events=lambda _: stop.set(), spans=spans)
    finally:
        keys.close()


def named(exported: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The one span of the caller's trace that is called so."""
    (found,) = (span for span in exported.get_finished_spans() if span.name == name and trace_of(span) == TRACE)
    return found


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"


def parent_of(span: ReadableSpan) -> str:
    assert span.parent is not None
    return f"{span.parent.span_id:016x}"


def test_one_request_is_followed_to_its_row(
    traced: Api, tracer: Tracer, exported: InMemorySpanExporter, postgres_dsn: str
) -> None:
    # given a customer that was registered in somebody's trace
    body = {"storefront": "web"}
    customer = str(traced.done("/v1/customers", body, traceparent=f"00-{TRACE}-{CALLER}-01")["id"])
    # then the request continues the caller's span, and its command was decided and committed under it
    request = named(exported, "POST /v1/customers")
    id = f"{request.context.span_id:016x}"
    assert parent_of(request) == CALLER
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 201
    for name in ("decide", "commit"):
        assert parent_of(named(exported, name)) == id
    # and its event carries it
    (event,) = traced.records(customer)
    assert event.attributes["traceparent"] == f"00-{TRACE}-{id}-01"
    # when the event is projected
    migrate(postgres_dsn)
    project(traced.log, postgres_dsn, ProjectionSpans(tracer))
    # then the row is there, and so is the way to it
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM ledger.customers WHERE id = %s", [customer]).fetchone() == (1,)
    row = named(exported, "project customer.registered.v1")
    assert parent_of(row) == id
    (link,) = row.links
    batches = [span.context.span_id for span in exported.get_finished_spans() if span.name == "project batch"]
    assert [link.context.span_id] == batches


def test_a_refusal_shows_by_its_code_alone(traced: Api, exported: InMemorySpanExporter) -> None:
    refused = traced.post("/v1/customers", {"storefront": "of-nobody"}, traceparent=f"00-{TRACE}-{CALLER}-01")
    assert refused.status_code == 422
    spans = [span for span in exported.get_finished_spans() if trace_of(span) == TRACE]
    assert {span.name for span in spans} == {"POST /v1/customers", "decide", "commit"}
    attributes = named(exported, "commit").attributes
    assert attributes is not None
    assert attributes["subledger.refusal"] == "storefront_not_found"
    assert not [span for span in spans if "of-nobody" in span.to_json()]


def test_what_the_caller_does_not_sample_leaves_no_span(traced: Api, exported: InMemorySpanExporter) -> None:
    customer = str(traced.done("/v1/customers", {"storefront": "web"}, traceparent=f"00-{TRACE}-{CALLER}-00")["id"])
    assert [span for span in exported.get_finished_spans() if trace_of(span) == TRACE] == []
    # but its event still tells the trace
    version, trace, _, flags = traced.records(customer)[0].attributes["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "00")


def test_nothing_is_traced_unless_the_environment_says_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with tracing("test") as tracer:
        assert tracer is None


def test_spans_go_to_the_endpoint_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """The test's output is its own."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        with tracing("subledger-test") as tracer:
            assert tracer is not None
            tracer.start_span("seen").end()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"subledger-test" in body
    assert b"seen" in body
