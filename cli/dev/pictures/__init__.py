"""The pictures of README and docs, made by script."""
