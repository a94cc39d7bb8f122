"""How much memory this process has."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def resident_mb() -> float:
    """Memory of this process in MB: now where the system tells, else the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        try:
            import resource
        except ImportError:
            return float("nan")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
