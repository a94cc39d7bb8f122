"""The exception for errors that users can fix."""

from __future__ import annotations

from .printable import one_line


class InnerfaceError(Exception):
    """One sentence that says what is wrong, where, and how to fix it. Every front end prints it as it is.

    It may quote a file or a device, so it is kept to one printable line.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
