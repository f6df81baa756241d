"""The write side: a command comes in, events or a refusal come out.

Owns the shard (the one decider of a partition), the use cases, one a file, and the command API. Reaches the log, the keys and the
payment providers through `ports` alone; decides on nothing but streams and the catalog.
"""
