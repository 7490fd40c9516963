"""Subcommands around training; each can be deleted by itself."""
