"""Simulated face-worn IMUs."""
