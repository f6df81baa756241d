"""`subledger run`: everything on this machine. Starts it, loads the demo in a sandbox, says what there is, and stays until
Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from rich.table import Table

from infra.bootstrap import open_postgres
from infra.demo.load import DemoReport, load_demo
from infra.eventlog import topics
from infra.postgres.roles import projector_dsn
from infra.settings import Settings, SettingsError, variable
from infra.supervisor import Supervisor
from infra.terminal import console, progress_bar

CHECK_S = 0.5


def run_everything(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM; raises what keeps it from starting."""
    for field in ("port", "projector_port"):
        _check_port(settings.host, getattr(settings, field), variable(field))
    if settings.is_sandbox and not settings.is_embedded:
        topics.create(settings.kafka, settings.environment, settings.partitions, settings.replication_factor, settings.min_insync)
    with _interruptible(), console.status("starting Postgres") as status, open_postgres(settings) as admin:
        supervisor = Supervisor(settings, admin)
        try:
            supervisor.start()
            status.update("starting the ledger")
            supervisor.wait(lambda: ready(settings))
            status.stop()
            _print_urls(settings)
            if settings.is_sandbox:
                dsn = projector_dsn(admin, settings.secret_bytes)
                report = asyncio.run(_load_demo(settings, supervisor, dsn))
                _print_report(report)
                _print_curls(report, origin_url(settings))
            console.print(f"\nCtrl-C stops everything; what there is stays in [bold]{settings.state}[/]")
            while True:
                supervisor.check()
                time.sleep(CHECK_S)
        except KeyboardInterrupt:
            console.print("\nstopping")
        finally:
            supervisor.stop()


def origin_url(settings: Settings) -> str:
    """Where this machine reaches the origin."""
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    return f"http://{host}:{settings.port}"


def _check_port(host: str, port: int, named: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"{host}:{port} is not free ({error.strerror}): set {named}") from None


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does; and SIGINT does even where a shell had it ignored, as for jobs in its background."""
    # asyncio.run knows what to do at SIGINT: cancel. At an exception out of nowhere it would complain of its task.
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: lambda *_: signal.raise_signal(signal.SIGINT)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"{origin_url(settings)}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


async def _load_demo(settings: Settings, supervisor: Supervisor, dsn: str) -> DemoReport:
    with progress_bar(console) as progress:
        task = progress.add_task("loading the demo", total=None)

        def on_progress(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        loading = asyncio.ensure_future(load_demo(origin_url(settings), settings.admin_key_text, dsn, on_progress))
        try:
            while not loading.done():  # it waits for an origin that has died: here that is started again
                supervisor.check()
                await asyncio.wait([loading], timeout=CHECK_S)
            return loading.result()
        finally:
            loading.cancel()


def _print_report(report: DemoReport) -> None:
    table = Table("the demo tenant", "", title="what it did" if report.loaded else "what is there")
    for name, value in report.rows():
        table.add_row(name, value)
    console.print(table)


def _print_urls(settings: Settings) -> None:
    url = origin_url(settings)
    console.print(f"[bold]{url}/docs[/]      what can be done: the command API")
    console.print(f"[bold]{url}/v1/docs[/]   what can be asked: the query API")


def _print_curls(report: DemoReport, url: str) -> None:
    console.print("\ntry:")
    for path in (f"customers/{report.customer}/entitlements", f"invoices?customer={report.customer}"):
        console.print(f"curl -H 'Authorization: Bearer {report.read_key}' '{url}/v1/{path}'", soft_wrap=True, highlight=False)
    console.print(
        f"curl -H 'Authorization: Bearer {report.api_key}' -H 'Idempotency-Key: try-1' -H 'Content-Type: application/json'"
        f" -d '{{\"at\": \"period_end\"}}' '{url}/v1/subscriptions/{report.subscription}/cancel'",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
