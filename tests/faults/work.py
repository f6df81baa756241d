"""What goes on while processes are killed: an import, and in step with it a light load of single commands."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Thread
from typing import Any
from unittest.mock import patch

from infra import ledger_batches
from infra.importing.errors import ImportFailed
from infra.importing.importer import run_import
from infra.importing.report import ImportReport
from infra.ledger_client import LedgerClient
from tests.e2e.importing import TELCO, T
from tests.e2e.running import Running
from tests.faults.acknowledged import Receipts, Witness
from tests.faults.load import live, open_shop

IMPORTING, SHOP = "telco", "shop"
TURN_S = 0.01
# A batch has so small a share of the rows: an import that is held stops soon, however few they are.
SHARES = 20
# The load waits out any outage. The import gives up as it does for anyone, and is run again.
PATIENCE_S = 1800.0


class Work(Thread):
    """Both, each with a tenant of its own, until they are through, in a thread of its own.

    ``progress`` is the share of the import that is done; nothing is sent while it is above ``limit``. ``failed`` is how often the
    import gave up and was run again, ``receipts`` all that was acknowledged.
    """

    report: ImportReport

    def __init__(self, running: Running, file: Path, customers: int) -> None:
        super().__init__(name="work", daemon=True)
        self.progress = 0.0
        self.limit = 1.0
        self.failed = 0
        self.receipts: Receipts = {}
        self.error: BaseException | None = None
        self._file = file
        self._lines = min(ledger_batches.LINES, max(1, len(file.read_text("utf-8").splitlines()) // SHARES))
        self._customers = customers
        self._url = running.url
        self._keys = {tenant: running.tenant_key(tenant) for tenant in (IMPORTING, SHOP)}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved = asyncio.Event()
        self._importing: asyncio.Task[ImportReport] | None = None

    def over(self) -> bool:
        """Whether all is done; raises what ended it early."""
        if self.error is not None:
            raise self.error
        return not self.is_alive()

    def kill_importer(self) -> None:
        """It ends where it stands, and begins anew."""
        if self._loop is not None and self._importing is not None:
            self._loop.call_soon_threadsafe(self._importing.cancel)

    def run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                runner.run(self._all())
        except BaseException as error:  # told to whoever asks whether it is over
            self.error = error

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._load())
            both.create_task(self._import_to_the_end())

    def _client(self, tenant: str, **given: Any) -> LedgerClient:
        return LedgerClient(self._url, self._keys[tenant], transport=Witness(self.receipts, self._turn), **given)

    async def _turn(self) -> None:
        while self.progress > self.limit:
            await asyncio.sleep(TURN_S)

    async def _import_to_the_end(self) -> None:
        while True:
            self._importing = asyncio.create_task(self._import())
            await asyncio.wait([self._importing])
            if self._importing.cancelled():
                continue
            try:
                self.report = self._importing.result()
                return
            except ImportFailed:
                self.failed += 1

    async def _import(self) -> ImportReport:
        with patch.object(ledger_batches, "LINES", self._lines):
            async with self._client(IMPORTING) as client:
                return await run_import(client, self._file, TELCO, as_of=T, bill_history=True, progress=self._tell)

    def _tell(self, done: int, total: int) -> None:
        self.progress = max(self.progress, done / total)
        self._moved.set()

    async def _load(self) -> None:
        """The customers come evenly over the import."""
        async with self._client(SHOP, patience_s=PATIENCE_S) as client, asyncio.TaskGroup() as lives:
            await open_shop(client)
            for number in range(self._customers):
                while self.progress < number / self._customers:
                    self._moved.clear()
                    await self._moved.wait()
                lives.create_task(live(client, number))
