"""Takes as animation: curves, keys, bakes."""
