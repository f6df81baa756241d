"""Commands about usage, one a file."""
