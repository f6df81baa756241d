"""The demo tenant of `subledger run`: a thousand customers and a year of their subscriptions, made through the HTTP APIs alone.

Owns what the demo is (catalog, people, calendar) and how it is loaded. Reads its numbers from the read models.
"""
