"""All that a user wants to know of a hub, as JSON-ready values: for the command line, clients and the control page (docs/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .silence import silent
from .streams import GONE_S

if TYPE_CHECKING:
    from .hub import Hub


def status(hub: Hub) -> dict[str, Any]:
    """All that a user wants to know, as JSON-ready values."""
    now = hub.now()
    late = np.array(hub.latency) * 1000 if hub.latency else np.zeros(1)
    recorder = hub.recorder
    recent = [t for t in hub.frames_out if now - t < 2.0]
    lights: dict[str, dict[str, Any]] = {site: {"state": "none"} for site in hub.layout.sites}
    for s in hub.streams.values():
        for key, present in zip(s.keys, s.present):
            site = hub.sites.site(s.device, key)
            if site in lights:
                away = now - s.heard > GONE_S
                state = "away" if away or present < 0.2 else "poor" if present < 0.95 else "ok"
                lights[site] = {"state": state, "loss": round(1 - float(present), 3), "sensor": f"{s.device}/{key}"}
    return {
        "time": round(now, 3),
        "sources": [{"name": s.name, "about": s.about()} for s in hub.sources],
        "sinks": [{"name": s.name, "about": s.about()} for s in hub.sinks],
        "streams": [s.report(now) for s in hub.streams.values()],
        "sites": lights,
        "positions_mm": (hub.layout.positions * 1000).round(1).tolist(),
        "touching": hub.touching.site if hub.touching is not None else "",
        "calibrated": hub.session is not None and hub.session.ready is not None,
        "calibrating": hub.seek.asked,
        "calibration": "" if hub.session is None and hub.electrodes.heard else hub.seek.say,
        "calibrating_s": round(hub.seek.seconds, 1),
        "check": {
            "step": hub.check.step, "left_s": round(max(hub.check.until - now, 0.0), 1), "done": round(hub.check.done, 2), "places": hub.check.places,
            "electrodes": hub.check.electrodes,
        },
        "quality": hub.check.sensors,
        "electrodes": hub.electrodes.report(),
        "silent": silent(hub),
        "invented": hub.invented,
        "output": ("hybrid" if hub.mixes else "sensors" if hub.imus_live else "electrodes") if hub.sensors_live else "camera" if hub.camera.live else "none",
        "from_sensors": list(hub.mix.from_sensors) if hub.mixes and hub.sensors_live else [],
        "output_hz": round(len(recent) / 2.0, 1),
        "latency_ms": {f"p{p}": round(float(np.percentile(late, p)), 2) for p in (50, 99)},
        "delay_ms": round(hub.delay_ms(), 1),
        "lookahead_ms": round(hub.lookahead_s * 1000, 1),
        "recording": None if recorder is None else {
            "path": str(recorder.path), "seconds": round(now - recorder.started, 1), "rows": recorder.rows, "bytes": recorder.bytes,
            "dropped": recorder.dropped, "problem": recorder.problem, "marks": hub.marks,
        },
        "notes": list(hub.notes),
    }  # fmt: skip
