"""Silent sources and the likely causes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from . import registry
from .interfaces import Diagnosing
from .status import SilenceStatus

if TYPE_CHECKING:
    from .interfaces import Source
    from .streams import Stream

SILENT_AFTER_S = 5.0


def silence_hints(
    sources: Sequence[Source], streams: Iterable[Stream], *, opened_at: float, now: float
) -> list[SilenceStatus]:
    """Return sources that have been silent for 5 s since they were opened, with likely causes, the likeliest first."""
    specs = registry.sources()
    last_received = dict.fromkeys((s.name for s in sources), opened_at)
    for stream in streams:
        if stream.source in last_received:
            last_received[stream.source] = max(last_received[stream.source], stream.last_received)
    silences: list[SilenceStatus] = []
    for source in sources:
        silent_s = now - last_received[source.name]
        if silent_s > SILENT_AFTER_S:
            known = source.diagnose() if isinstance(source, Diagnosing) else ""
            causes = specs[source.name].hints if source.name in specs else ()
            silences.append(SilenceStatus(source.name, round(silent_s, 1), [known, *causes] if known else list(causes)))
    return silences
