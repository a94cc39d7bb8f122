"""FLAME faces: read the user's model file, pose it, fit it to the 53 points; a generated stand-in."""
