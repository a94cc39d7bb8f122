"""Takes written to disk while they happen."""
