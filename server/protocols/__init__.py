"""Parsers and encoders, one protocol per file: pure, with bounded work, and never raising on input from a network."""
