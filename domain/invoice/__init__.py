"""The receivable: what is owed for what, and whether it is settled. The invoice document is a read model of these events."""
