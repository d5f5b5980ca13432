"""What is read from the tables and written to them."""
