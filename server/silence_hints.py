"""Silent sources and the likely causes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import registry

if TYPE_CHECKING:
    from .hub import Hub

SILENT_AFTER_S = 5.0


def silence_hints(hub: Hub) -> list[dict[str, Any]]:
    """Return sources that have been silent for 5 s: name, seconds, likely causes, the likeliest first."""
    now = hub.now()
    specs = registry.sources()
    hints: list[dict[str, Any]] = []
    for source in hub.sources:
        last_received = max(
            (s.last_received for s in hub.streams.values() if s.source == source.name), default=hub.opened_at
        )
        silent_s = now - max(last_received, hub.opened_at)
        if silent_s > SILENT_AFTER_S:
            causes = specs[source.name].hints if source.name in specs else ()
            hints.append({"source": source.name, "seconds": round(silent_s, 1), "causes": list(causes)})
    return hints
