"""The base of modules, and their training: optimizers, schedules, callbacks."""
