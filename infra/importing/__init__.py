"""The import: existing subscribers from a CSV file into the ledger, through the same commands as everybody's.

Owns the mapping (TOML), the reading of the file, the refused rows and the control total. Decides nothing: what a row comes to is
the ledger's answer, and the control total says whether that is what the file says. Knows nothing of logs and read models.
"""
