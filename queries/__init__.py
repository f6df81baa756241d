"""The read side: questions asked of the read models, one a file, and the HTTP API that asks them.

Owns what can be asked, how lists page and what an answer is true at. Does not own the rows (``projections``) nor the connection
to them (``infra.postgres``): a query is given a snapshot.
"""
