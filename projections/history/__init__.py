"""Every event as it was recorded: in its stream's history, and in the feed of all."""
