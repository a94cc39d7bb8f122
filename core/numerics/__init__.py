"""Numerical methods shared by several packages, and the files that trained models are stored in."""
