"""Bytes to messages and back: pure, bounded functions that never raise on what a network sends."""
