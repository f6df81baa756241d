"""A payment: what was tried, what came of it, and what money was captured, here or elsewhere."""
