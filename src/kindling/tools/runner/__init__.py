"""Runs in processes of their own: planned, started once, gone on with, and read when they end."""
