"""Faces in pictures: videos and webcams, and a tracker that finds faces in them."""
