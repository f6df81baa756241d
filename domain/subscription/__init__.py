"""The subscription: its life (trial, active, grace, suspended, cancelled, expired), its periods and the access that it grants.

Does not know what is owed (invoice) or tried (payment); it is told the outcome that matters to it.
"""
