"""The pure rules of the ledger: what may happen, and what follows.

Owns money, ids, periods, the aggregates and their events. Does no I/O, reads no clock and no environment: `now` is always given.
Does not know HTTP, Kafka, SQLite or Postgres.
"""
