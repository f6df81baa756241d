"""Postgres, the query side's store: migrations, roles, the projector, digests and snapshots to read from.

Owns how changes become rows and how positions keep step with them. Does not own what the rows are (``projections``) nor what is
asked of them (``queries``). Everything here can be rebuilt from the log.
"""
