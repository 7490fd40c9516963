"""Series: CSV files to values at a regular step, to windows of them, to batches."""
