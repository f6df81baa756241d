"""Customers as they are now, with their personal data in clear while its key exists."""
