"""Performances made up in code: a short one for the demo and the tests (`demo`), and endless wide ones to train on (`generate`)."""

from .demo import DEFAULT_RATE, EXPRESSIONS, VISEMES, both_sides, demo_performance

__all__ = ["DEFAULT_RATE", "EXPRESSIONS", "VISEMES", "both_sides", "demo_performance"]
