"""The 53 points of a face seen from the front: from a camera's channels, compared, and solved for channels."""
