"""The import of a telecom company's subscribers with all their history, on both logs, as `subledger import` does it.

Each row is a customer, a subscription that starts in the past, an invoice for each month since, each settled, and for those who
left a cancellation.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bench.harness.command import Json, LogName, OneLog, addresses, main, workspace
from bench.harness.deployment import ROOT, Deployment, deployed
from bench.harness.load import LoadFailed
from bench.harness.result import Line, Result, Target, show, told
from bench.harness.shop import open_tenant
from bench.harness.usage import cpu_s, rss_mib
from bench.harness.watching import events, watched
from infra.importing.generate import generate

REAL = ROOT.parent / "shared" / "data" / "telco" / "Telco-Customer-Churn.csv"
REAL_ROWS = 7043
INVOICES_PER_SECOND = 1500
MAPPING = ROOT / "docs" / "how-to" / "telco.toml"

File = Annotated[Path, typer.Option("--file", help="Subscribers; where there is no such file, as many are made up.")]


def importing(file: File = REAL, log: OneLog = None, json: Json = False) -> None:
    """The import with history: events, invoices, wall time."""
    with workspace() as folder, addresses(folder, log) as found:
        source = file if file.exists() else made_up(folder, REAL_ROWS)
        lines = [line for name, bootstrap in found.items() for line in _on_log(name, bootstrap, folder / name, source)]
    notes = [
        f"The file: {file.name}." if file.exists() else f"A made-up file of {REAL_ROWS:,} rows.",
        "`subledger import`, which sends batches, the command process and the broker share the machine; nothing reads along.",
    ]
    show(Result("importing", "Import with history", lines, notes), json)


def import_subscribers(ledger: Deployment, folder: Path, rows: int) -> None:
    """Fill a ledger with the history of so many made-up subscribers. Raises LoadFailed."""
    told(f"importing {rows:,} subscribers")
    import_file(ledger, open_tenant(ledger, "telco"), made_up(folder, rows))


def made_up(folder: Path, rows: int) -> Path:
    """A file of so many rows in the shape of the real one."""
    path = folder / "subscribers.csv"
    generate(path, rows)
    return path


def _on_log(name: LogName, bootstrap: str | None, folder: Path, file: Path) -> Iterator[Line]:
    with deployed(folder, bootstrap) as ledger, watched(ledger) as log:
        told(f"{name}: importing {file.name}")
        key = open_tenant(ledger, "telco")
        before, used = events(log), cpu_s(ledger.commands.process)
        report = import_file(ledger, key, file)
        used = cpu_s(ledger.commands.process) - used
        appended, memory = events(log) - before, rss_mib(ledger.commands.process)
    seconds, invoices = report["seconds"], report["ledger"]["invoices"]
    target = Target("figure", "≥", INVOICES_PER_SECOND) if name is LogName.EMBEDDED else None
    yield Line(f"{name}: invoices, {invoices:,} in all", invoices / seconds, "invoices/s", target=target)
    yield Line(f"{name}: events, {appended:,} in all", appended / seconds, "events/s")
    yield Line(
        f"{name}: customers, {report['ledger']['customers']:,} in all", report["ledger"]["customers"] / seconds, "customers/s"
    )
    yield Line(f"{name}: wall", seconds, "s")
    yield Line(f"{name}: processor time of the command node", 1000 * used / invoices, "ms an invoice")
    yield Line(f"{name}: memory of the command node at the end", memory, "MiB")


def import_file(ledger: Deployment, key: str, file: Path) -> dict[str, Any]:
    """The report of a complete import. Raises LoadFailed where it is not."""
    command = [
        sys.executable, "-m", "infra.cli", "import", str(file), "--mapping", str(MAPPING), "--as-of", "2026-01-01T00:00:00Z",
        "--bill-history", "--url", ledger.commands.url, "--api-key", key, "--json",
    ]  # fmt: skip
    ended = subprocess.run(command, env=dict(ledger.environment), capture_output=True, check=False)
    if ended.returncode:
        raise LoadFailed(f"the import is not complete: {ended.stderr.decode()[-500:]}")
    report: dict[str, Any] = orjson.loads(ended.stdout)
    return report


if __name__ == "__main__":
    main(importing)
