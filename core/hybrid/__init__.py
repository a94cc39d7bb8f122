"""Repair camera takes in which something hides the face, from sensors, a second take, or the rest of the face."""
