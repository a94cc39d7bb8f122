"""Simulated electrodes at one ear."""
