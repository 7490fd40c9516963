"""The public data sets, fetched, checked and laid out as the data modules expect them."""
