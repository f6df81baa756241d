"""The log on Kafka as a persistence module: ``PERSISTENCE_MODULE=infra.eventlog.kafka_module``.

``SUBLEDGER_EVENTLOG_KAFKA`` is the broker's address, ``SUBLEDGER_EVENTLOG_ENVIRONMENT`` the prefix of its topics, which must be
there, ``SUBLEDGER_EVENTLOG_INDEXES`` the folder of this node's indexes, ``SUBLEDGER_EVENTLOG_NODE`` its address.
"""

from __future__ import annotations

from pathlib import Path

from infra.eventlog import factory
from infra.eventlog.kafka import KafkaLog
from infra.eventlog.log import Log


class KafkaFactory(factory.LogFactory):
    """Applications on the log on Kafka."""

    def configure(self) -> None:
        self._bootstrap = self.required("SUBLEDGER_EVENTLOG_KAFKA")
        self._environment = self.required("SUBLEDGER_EVENTLOG_ENVIRONMENT")
        self._node = self.required("SUBLEDGER_EVENTLOG_NODE")
        self.index_folder = Path(self.required("SUBLEDGER_EVENTLOG_INDEXES")).resolve()
        self.log_name = f"kafka:{self._bootstrap}/{self._environment}/{self._node}"

    def open_log(self) -> Log:
        return KafkaLog(self._bootstrap, self._environment, self._node)
