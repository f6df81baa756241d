"""Commands about subscriptions, one a file."""
