"""Data sets: what is read, rendered and split before any method sees it."""
