"""What the measurements share: a deployment as a user would start it, its shop, the load, the ceilings, and the table."""
