"""FLAME faces: the user's model file, posed; 53 points to expression, jaw, eyes and neck; a generated stand-in."""
