"""Where messages come from: devices, other programs and files, one kind per module (see `registry`)."""
