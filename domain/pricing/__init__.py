"""What a quantity costs and what a part of a period costs: pure functions of terms, quantity and time. Knows no aggregate."""
