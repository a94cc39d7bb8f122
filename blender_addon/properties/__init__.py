"""What users set, as Blender properties."""
