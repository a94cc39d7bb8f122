"""Camera takes with hidden or broken stretches, mended by sensors, by another take, or by what is left of the face."""
