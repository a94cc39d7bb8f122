"""Values on frames: keys, curves, treatment, smoothing."""
