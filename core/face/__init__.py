"""Faces as numbers: channels and their names, mappings to characters, face models, error measures."""
