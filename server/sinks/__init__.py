"""Where faces go: other programs and files, one kind per module (see `registry`)."""
