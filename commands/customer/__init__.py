"""Commands about customers, one a file."""
