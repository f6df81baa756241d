"""Logging: one pipe, two forms, the context in each line, and no request ever leaks."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from infra.logging import configure_logging

SECRETS = [
    "Jane", "jane@example.org", "+49 170 1234567", "Main Street", "12345", "0123456789abcdef", "sim_ok_canary", "order-of-jane",
    "203.0.113.7", "session-cookie",
]  # fmt: skip

PERSONAL = {
    "name": "Jane Doe",
    "email": "jane@example.org",
    "phone": "+49 170 1234567",
    "address": {"line1": "Main Street 1", "zip": "12345"},
}
BODY = {"external_id": "c-1", "personal": PERSONAL, "payment_method": {"provider": "simulator", "token": "sim_ok_canary"}}
HEADERS = {
    "Authorization": "Bearer sl_sandbox_acme_0123456789abcdef",
    "Idempotency-Key": "order-of-jane",
    "Cookie": "id=session-cookie",
    "Accept": "application/json",
}
REQUEST: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/v1/customers",
    "raw_path": b"/v1/customers?email=jane@example.org",
    "query_string": b"email=jane@example.org",
    "url": "http://ledger.test/v1/customers?email=jane@example.org&name=Jane%20Doe",
    "client": ("203.0.113.7", 54321),
    "headers": [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()],
    "header_map": HEADERS,
    "plain_pairs": list(HEADERS.items()),
    "body": json.dumps(BODY).encode(),
    "parsed": BODY,
    "text": json.dumps(BODY),
    "shown": repr(BODY),
}


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is the process's: leave it as it was."""
    root = logging.getLogger()
    before = {name: logging.getLogger(name) for name in ("infra", "uvicorn", "uvicorn.error", "uvicorn.access", "subledger")}
    levels, handlers, root_level = {name: logger.level for name, logger in before.items()}, root.handlers[:], root.level
    yield
    for name, level in levels.items():
        before[name].setLevel(level)
    root.handlers, root.level = handlers, root_level
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def configured(format: Literal["auto", "json", "pretty"] = "json", level: Literal["debug", "info"] = "info") -> io.StringIO:
    out = io.StringIO()
    configure_logging(level, format, out)
    return out


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_json_with_the_context_of_its_request() -> None:
    # given the context of a request
    out = configured()
    structlog.contextvars.bind_contextvars(request_id="req_1", tenant="acme", command_id="client:ab")
    # when something is logged
    structlog.get_logger("infra.node").warning("window_aborted", partition="7", sequence=12)
    # then one line says all of it, what matters most first
    (line,) = lines(out)
    assert list(line) == ["timestamp", "level", "logger", "event", "request_id", "tenant", "command_id", "partition", "sequence"]
    assert (line["level"], line["logger"], line["event"], line["sequence"]) == ("warning", "infra.node", "window_aborted", 12)
    assert line["timestamp"].endswith("Z")


def test_other_libraries_take_the_same_pipe() -> None:
    out = configured()
    structlog.contextvars.bind_contextvars(request_id="req_1")
    logging.getLogger("somebody.else").warning("%d of %s", 3, "them")
    logging.getLogger("subledger.kafka").info("broker is up")
    warnings.warn("old way", UserWarning, stacklevel=1)
    found = lines(out)
    assert [line["event"] for line in found[:2]] == ["3 of them", "broker is up"]
    assert "old way" in found[2]["event"]
    assert {line["request_id"] for line in found} == {"req_1"}
    assert not any("positional_args" in line for line in found)


def test_a_served_request_is_told_without_its_query_and_sender() -> None:
    out = configured()
    path = "/v1/customers?external_id=jane@example.org"
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "203.0.113.7:1", "GET", path, "1.1", 200)
    (line,) = lines(out)
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "GET", "/v1/customers", 200)
    assert "203.0.113.7" not in out.getvalue()


def test_levels_hold_for_us_and_others_are_heard_from_warnings_on() -> None:
    out = configured(level="debug")
    for name in ("infra.node", "commands.shard", "httpcore", "uvicorn.error"):
        logging.getLogger(name).debug("debug")
        logging.getLogger(name).info("info")
        logging.getLogger(name).warning("warning")
    heard = [(line["logger"], line["event"]) for line in lines(out)]
    ours = [(name, event) for name in ("infra.node", "commands.shard") for event in ("debug", "info", "warning")]
    assert heard == [*ours, ("httpcore", "warning"), ("uvicorn.error", "info"), ("uvicorn.error", "warning")]
    quiet = configured(level="info")
    structlog.get_logger("infra.node").debug("debug")
    assert quiet.getvalue() == ""


def test_pretty_is_for_terminals_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        configure_logging("info", "auto", out)
        structlog.get_logger("infra.node").info("hello", partition="7")
    assert terminal.getvalue().startswith("\x1b[")
    assert lines(file)[0]["event"] == "hello"


def test_configuring_again_replaces_the_handler() -> None:
    first, second = configured(), configured()
    structlog.get_logger("infra.node").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


@pytest.mark.parametrize("format", ["json", "pretty"])
def test_a_full_request_never_leaks(format: Literal["json", "pretty"]) -> None:
    # given a request with everything that must not be logged, and every way to log it
    out = configured(format)
    log = structlog.get_logger("infra.http")
    log.info("got", request=REQUEST)
    log.info("got", **REQUEST)
    log.info(f"got {REQUEST}")
    log.bind(**BODY).info("bound")
    structlog.contextvars.bind_contextvars(request_body=BODY, email="jane@example.org")
    log.info("contextual", personal=PERSONAL)
    logging.getLogger("library").warning("got %s", REQUEST)
    logging.getLogger("library").warning("got %r and %s", BODY, json.dumps(REQUEST["parsed"]))
    logging.getLogger("library").error("headers %s", HEADERS, extra={"personal": PERSONAL})
    try:
        raise ValueError(f"no place for {BODY}")
    except ValueError as error:
        log.exception("failed", error=error, command=BODY)
        logging.getLogger("library").exception("failed")
    # then nothing of it shows, and the rest does
    assert [secret for secret in SECRETS if secret in out.getvalue()] == []
    assert out.getvalue().count("failed") >= 2
    assert "/v1/customers" in out.getvalue()
    assert "Traceback" in out.getvalue()


def test_an_exceptions_variables_are_not_shown() -> None:
    out = configured("pretty")

    def fail(secret_of_jane: str) -> None:
        assert secret_of_jane
        raise RuntimeError("no")

    try:
        fail("canary-" + "1")
    except RuntimeError:
        structlog.get_logger("infra.http").exception("failed")
    assert "RuntimeError: no" in out.getvalue()
    assert "canary-1" not in out.getvalue()


def test_another_handler_gets_it_clean_as_well(caplog: pytest.LogCaptureFixture) -> None:
    configured()
    structlog.get_logger("infra.http").warning("got", request=REQUEST)
    assert len(caplog.records) == 1
    assert [secret for secret in SECRETS if secret in str(caplog.records[0].__dict__)] == []
