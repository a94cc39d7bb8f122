"""The one exception for what a user can mend."""

from __future__ import annotations


class InnerfaceError(Exception):
    """One line that says what is wrong, where, and how to mend it. Every front end prints it as it is."""
