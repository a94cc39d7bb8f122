"""Libraries that a command needs and that an installation may lack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import InnerfaceError

SCIPY = "SciPy", "pip install scipy"
TORCH = "torch", "pip install 'innerface[train]'"


@contextmanager
def required(task: str, library: tuple[str, str] = SCIPY) -> Iterator[None]:
    """Imports that a task needs: an ImportError inside becomes an InnerfaceError that says what to install."""
    try:
        yield
    except ImportError as error:
        name, remedy = library
        raise InnerfaceError(f"{task} needs {name}, which does not load ({error}); {remedy}") from None
