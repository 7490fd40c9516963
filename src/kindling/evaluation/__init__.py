"""Scores of a checkpoint: intervals, baselines, predictions, figures."""
