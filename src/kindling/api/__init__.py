"""Runs from Python: what ``import kindling`` offers, built on the command line's code."""
