"""Training of the models. Using them needs nothing of this."""
