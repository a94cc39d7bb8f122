"""Face-worn IMUs: signals, calibration, motion of the face, and models from motion to weights."""
