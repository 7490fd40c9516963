"""Run folders: checkpoints, provenance, loggers."""
