"""Simulation of face-worn IMUs, for training and tests. Nothing in `core.imu` imports it."""
