"""Commands about invoices, one a file."""
