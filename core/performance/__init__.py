"""Synthetic facial performances: a short one for the demo and the tests (`demo`), others of any length for training."""

from .demo import DEFAULT_RATE, EXPRESSIONS, VISEMES, both_sides, demo_performance

__all__ = ["DEFAULT_RATE", "EXPRESSIONS", "VISEMES", "both_sides", "demo_performance"]
