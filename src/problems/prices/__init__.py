"""Photos and table columns to a price: one branch for each kind of input."""
