"""Simulated electrodes at one ear; measurement does not import this."""
