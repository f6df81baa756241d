"""Every event as it was recorded: who, when, what. Personal data stays out of it."""
