"""Faces in Blender: meshes, bones, mapping, heads."""
