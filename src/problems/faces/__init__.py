"""Photos of faces to who it is and how old."""
