"""What was used of what is metered: the records of one subscription, one meter and one month. Knows no price."""
