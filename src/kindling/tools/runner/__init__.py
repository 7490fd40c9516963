"""Planned runs, each executed once in a process of its own, on this machine or a cluster."""
