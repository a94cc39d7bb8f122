"""Settings as Blender properties, by what they belong to."""
