"""Trained models, a card for each, and what trains them."""
