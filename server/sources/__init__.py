"""Where messages come from: thin transports over the parsers of `wire`."""
