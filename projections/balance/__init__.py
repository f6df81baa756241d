"""The account balance: what a customer has paid beyond what was owed, by currency."""
