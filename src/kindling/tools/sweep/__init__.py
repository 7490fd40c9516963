"""A search for good settings, by validation alone."""
