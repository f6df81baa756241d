"""What was recorded by meters, as rows."""
