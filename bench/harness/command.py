"""How a measurement is run from the command line: what all of them are told, and what becomes of an error."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.harness.deployment import NotStarted
from bench.harness.load import LoadFailed
from bench.harness.result import Line
from infra.expected import EXPECTED, one_line
from infra.logging import configure_logging
from tests.kafka_broker.local import BrokerError
from tests.kafka_broker.provide import kafka

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, help="Length of one round under load.")]
Rounds = Annotated[int, typer.Option("--rounds", min=1, help="How often ceiling and subject take turns; medians are shown.")]
Customers = Annotated[int, typer.Option("--customers", min=1, help="How many customers there are when it begins.")]
Rows = Annotated[int, typer.Option("--rows", min=4, help="How many subscribers are imported beforehand.")]


class LogName(StrEnum):
    """Where the events go."""

    KAFKA = "kafka"
    EMBEDDED = "embedded"


OneLog = Annotated[LogName | None, typer.Option("--log", help="Measure on this log alone, not on both.")]


def main(measurement: Callable[..., None]) -> None:
    """Run a measurement with its options from the command line; what it started ends with it, by a signal too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_logging("warning")
    try:
        app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        app.command()(measurement)
        app()
    except (*EXPECTED, NotStarted, LoadFailed, BrokerError) as error:
        sys.exit(one_line(error))


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="subledger-bench-") as folder:
        yield Path(folder)


@contextmanager
def addresses(folder: Path, only: LogName | None) -> Iterator[dict[LogName, str | None]]:
    """The logs to measure, Kafka with its address: that of KAFKA_BOOTSTRAP, or of a broker of our own in ``folder``."""
    with ExitStack() as stack:
        yield {
            log: stack.enter_context(kafka(folder / "broker")) if log is LogName.KAFKA else None
            for log in ([only] if only else LogName)
        }


def on_each_log(only: LogName | None, measure: Callable[[LogName, str | None, Path], Iterable[Line]]) -> list[Line]:
    """The lines of a measurement that is taken on each log: ``measure`` gets its name, Kafka's address and a folder."""
    with workspace() as folder, addresses(folder, only) as found:
        return [line for name, bootstrap in found.items() for line in measure(name, bootstrap, folder / name)]
