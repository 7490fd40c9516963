"""The base of data modules: files, splits, batches."""
