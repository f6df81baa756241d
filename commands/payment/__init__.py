"""Commands about payments, one a file: a timer's, an outcome's, and the refund, which is a client's."""
