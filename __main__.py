"""`python -m innerface ...`"""

from __future__ import annotations

from .cli import entry

entry()
