"""The problems, a folder each; none imports from another."""
