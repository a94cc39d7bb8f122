"""Memory of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def resident_mb() -> float:
    """Resident memory of this process in MB: current if the system reports it, else the maximum so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        try:
            import resource
        except ImportError:
            return float("nan")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
