"""Where faces go: other programs, and files."""
