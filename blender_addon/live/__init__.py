"""What runs while Blender is connected."""
