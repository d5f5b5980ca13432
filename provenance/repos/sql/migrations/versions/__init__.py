"""One module for each version of the tables, which is never changed once released."""
