"""All that a user wants to know of a hub, as JSON-ready values: for the command line, clients and the control page (docs/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .silence_hints import silence_hints
from .streams import AWAY_AFTER_S

if TYPE_CHECKING:
    from .hub import Hub


def status(hub: Hub) -> dict[str, Any]:
    """All that a user wants to know, as JSON-ready values."""
    now = hub.now()
    latencies_ms = np.array(hub.latencies) * 1000 if hub.latencies else np.zeros(1)
    recorder = hub.recorder
    recent = [t for t in hub.frame_times if now - t < 2.0]
    site_states: dict[str, dict[str, Any]] = {site: {"state": "none"} for site in hub.layout.sites}
    for s in hub.streams.values():
        for key, present in zip(s.keys, s.presence):
            site = hub.sites.site_of(s.device, key)
            if site in site_states:
                away = now - s.last_received > AWAY_AFTER_S
                state = "away" if away or present < 0.2 else "poor" if present < 0.95 else "ok"
                site_states[site] = {
                    "state": state,
                    "loss": round(1 - float(present), 3),
                    "sensor": f"{s.device}/{key}",
                }
    return {
        "time": round(now, 3),
        "sources": [{"name": s.name, "about": s.describe()} for s in hub.sources],
        "sinks": [{"name": s.name, "about": s.describe()} for s in hub.sinks],
        "streams": [s.report(now) for s in hub.streams.values()],
        "sites": site_states,
        "positions_mm": (hub.layout.positions * 1000).round(1).tolist(),
        "touching": hub.tap_detector.site if hub.tap_detector is not None else "",
        "calibrated": hub.session is not None and hub.session.active is not None,
        "calibrating": hub.auto_calibration.requested,
        "calibration": "" if hub.session is None and hub.electrodes.receiving else hub.auto_calibration.message,
        "calibrating_s": round(hub.auto_calibration.searching_s, 1),
        "check": {
            "step": hub.guided_check.step,
            "left_s": round(max(hub.guided_check.deadline - now, 0.0), 1),
            "done": round(hub.guided_check.progress, 2),
            "places": hub.guided_check.placement_notes,
            "electrodes": hub.guided_check.electrode_notes,
        },
        "quality": hub.guided_check.sensor_notes,
        "electrodes": hub.electrodes.report(),
        "silent": silence_hints(hub),
        "invented": hub.unobserved,
        "output": ("hybrid" if hub.is_mixing else "sensors" if hub.imus_live else "electrodes")
        if hub.sensors_live
        else "camera"
        if hub.camera.live
        else "none",
        "from_sensors": list(hub.mixer.from_sensors) if hub.is_mixing and hub.sensors_live else [],
        "output_hz": round(len(recent) / 2.0, 1),
        "latency_ms": {f"p{p}": round(float(np.percentile(latencies_ms, p)), 2) for p in (50, 99)},
        "delay_ms": round(hub.delay_ms(), 1),
        "lookahead_ms": round(hub.lookahead_s * 1000, 1),
        "recording": None
        if recorder is None
        else {
            "path": str(recorder.path),
            "seconds": round(now - recorder.start_time, 1),
            "rows": recorder.rows,
            "bytes": recorder.bytes_written,
            "dropped": recorder.dropped,
            "problem": recorder.problem,
            "marks": hub.mark_count,
        },
        "notes": list(hub.notes),
    }
