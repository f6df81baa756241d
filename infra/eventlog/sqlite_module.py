"""The embedded log as a persistence module: ``PERSISTENCE_MODULE=infra.eventlog.sqlite_module``.

``SUBLEDGER_EVENTLOG_FILE`` is the log's file; its indexes lie beside it in ``<file>.indexes``.
``SUBLEDGER_EVENTLOG_PARTITIONS`` is N of a new file.
"""

from __future__ import annotations

from pathlib import Path

from infra.eventlog import factory
from infra.eventlog.log import Log
from infra.eventlog.sqlite import DEFAULT_PARTITIONS, SqliteLog


class SqliteFactory(factory.LogFactory):
    """Applications on the embedded log."""

    def configure(self) -> None:
        self._file = Path(self.required("SUBLEDGER_EVENTLOG_FILE")).resolve()
        self._partitions = int(self.env.get("SUBLEDGER_EVENTLOG_PARTITIONS") or DEFAULT_PARTITIONS)
        self.log_name = f"sqlite:{self._file}"
        self.index_folder = self._file.with_name(self._file.name + ".indexes")

    def open_log(self) -> Log:
        return SqliteLog(self._file, partitions=self._partitions)
