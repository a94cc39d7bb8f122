"""The 53 points of a face seen from the front: from cameras, smoothed, compared, and turned into Apple's 52 channels."""
