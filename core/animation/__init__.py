"""Takes on the frames of a scene: resampling, treatment, smoothing, key reduction."""
