"""Series to windows."""
