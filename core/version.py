"""The version of Innerface, as in `__init__.py`, which imports nothing, and in `pyproject.toml`."""

__version__ = "0.1.0"
