"""The way out: FBX, GLB, takes, pictures."""
