"""Logs: one line an event, JSON or pretty on a terminal, with the request's context, from every library through one pipe.

Never a secret and never personal data: see ``infra.redaction``. The request id, tenant and command id come from the present
request's context (``infra.http.context``), or from structlog's own context variables.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from infra.http.context import merge_request
from infra.redaction import redact

# Their loggers follow the level that is set. Others are heard from warnings on: debugging libraries log headers and parameters.
_OURS = ("commands", "domain", "infra", "projections", "queries", "subledger")
_SERVER = "uvicorn"
_ACCESS = "uvicorn.access"
_FIRST = ("timestamp", "level", "logger", "event", "request_id", "tenant", "command_id")


class _Handler(logging.StreamHandler[TextIO]):
    """This module's one handler, so that configuring again replaces it and nobody else's."""


def configure_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["auto", "json", "pretty"] = "auto",
    stream: TextIO | None = None,
) -> None:
    """Send all logs of this process to ``stream`` (standard error). Run uvicorn with ``log_config=None``: its logs come along."""
    out = stream or sys.stderr
    shared: list[Processor] = [
        merge_request,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        # Redacted before it becomes a record, so that any other handler gets it clean, too.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            redact,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _foreign, redact],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _in_order, _renderer(format, out)],
            pass_foreign_args=True,
        )
    )
    root = logging.getLogger()
    root.handlers = [other for other in root.handlers if not isinstance(other, _Handler)] + [handler]
    _set_levels(getattr(logging, level.upper()))
    logging.captureWarnings(True)


def _renderer(format: Literal["auto", "json", "pretty"], out: TextIO) -> Processor:
    if format == "pretty" or (format == "auto" and out.isatty()):
        return structlog.dev.ConsoleRenderer(colors=out.isatty(), sort_keys=False)
    return structlog.processors.JSONRenderer()


def _set_levels(level: int) -> None:
    logging.getLogger().setLevel(max(level, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger(_SERVER).setLevel(max(level, logging.INFO))
    for name in (_SERVER, f"{_SERVER}.error", _ACCESS):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


def _foreign(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop the message's arguments, which stand in it; of a served request tell its path, but not its query nor who sent it."""
    arguments = event.pop("positional_args", ())
    if event["logger"] == _ACCESS and len(arguments) == 5:
        _, method, target, _, status = arguments
        event.update(event="request", method=method, path=str(target).partition("?")[0], status=status)
    return event


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {**{name: event[name] for name in _FIRST if name in event}, **event}
