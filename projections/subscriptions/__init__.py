"""Subscriptions as they are now: terms, state, current period, access. Not what is owed for them."""
