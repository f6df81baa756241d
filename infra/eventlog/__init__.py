"""The event log: the only truth, on SQLite or Kafka, and what reads and writes it.

Owns: the record and its hash, both logs, the readers' rule, numbering, the window thread (group commit, claims, takeover), the
index of a partition, the persistence module of ``eventsourcing``, verification, export and load.

Does not own: what an event means (``domain``), what is decided (``commands``), rows (``infra.postgres``).
"""
