"""The exception for errors that users can fix."""

from __future__ import annotations


class InnerfaceError(Exception):
    """One sentence that says what is wrong, where, and how to fix it. Every front end prints it as it is."""
