"""The invoice document: number, lines, totals and what paid it."""
