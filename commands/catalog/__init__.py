"""What is sold: the catalog's commands, and the view of it that decisions use."""
