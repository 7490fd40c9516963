"""Runs from Python: what ``import kindling`` offers, over the code of the command line."""
