"""The simulation of `subledger simulate`: what a catalog and a population would do over months, in a ledger of its own.

Owns the plan (catalog, population, what people do), how it is carried out, and the months' rows. The ledger is the real one:
the embedded log in a folder that is thrown away, the command API in process, a test clock. Nothing of another ledger is touched.
"""
