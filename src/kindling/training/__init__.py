"""The base of modules, and what goes on around their training."""
