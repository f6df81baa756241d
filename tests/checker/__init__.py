"""The checker: judges the whole history of a run, written apart from the code that it judges.

Its input is what outsiders see: the records as plain consumers read them, the calls as clients recorded them, the payment
provider's own book, and the digests of the read models. It imports nothing of the ledger (tests/architecture holds that).

    from tests.checker.check import check
    violations = check(History(records=..., calls=..., secret=..., book=...))
"""
