"""Read-model writers: events → rows, one folder a read model.

Owns each read model's tables (``schema.sql``), how events become changes of their rows (``projection.py``) and how its rows are
read (``view.py``). Pure: reads no row and no clock, knows no connection. Who applies the changes is ``infra.postgres``.
"""
