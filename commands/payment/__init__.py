"""Commands about payments, one a file: none comes from a client, they are a timer's or an outcome's."""
