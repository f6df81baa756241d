"""All that touches the world: log, Postgres, payment providers, keys, what both HTTP APIs share, settings, logging, command line.

Owns how things are stored, sent, sealed and started, and the one place where all is put together. Does not own a rule of the
ledger (``domain``), a decision (``commands``), or what a row says (``projections``).
"""
