"""Numbers and categories of a table to a class."""
