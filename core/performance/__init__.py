"""Performances made up in code: a short one for the demo and the tests (`demo`), and endless wide ones to train on (`generate`)."""

from .demo import EXPRESSIONS, RATE, VISEMES, both, perform

__all__ = ["EXPRESSIONS", "RATE", "VISEMES", "both", "perform"]
