"""How a hub's parts are doing now, as a `HubStatus`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .pipelines.bio import NO_NETWORK, BioPipeline
from .silence_hints import silence_hints
from .status import (
    BoardStatus,
    CheckStatus,
    ComponentStatus,
    ElectrodeStatus,
    HubStatus,
    LatencyStatus,
    RecordingStatus,
    SiteStatus,
)
from .streams import AWAY_AFTER_S

if TYPE_CHECKING:
    from .guided_check import GuidedCheck
    from .hub import Hub
    from .recording.recording_session import RecordingSession

_MIN_PRESENT, _WELL_PRESENT = 0.2, 0.95  # shares of a site's samples: less counts as away, as poor


def report_status(hub: Hub) -> HubStatus:
    """All that a user wants to know."""
    now, outputs, imu = hub.now(), hub.outputs, hub.imu
    mixing = hub.face.mixes and hub.face.sensors_active(now)
    only_electrodes = imu.session is None and hub.electrodes.receiving
    return HubStatus(
        time=round(now, 3),
        sources=[ComponentStatus(s.name, s.describe()) for s in hub.sources],
        sinks=[ComponentStatus(s.name, s.describe()) for s in outputs.sinks],
        streams=[s.report(now) for s in hub.streams.values()],
        sites=_site_statuses(hub, now),
        positions_mm=(hub.layout.positions * 1000).round(1).tolist(),
        touching="" if imu.tap_detector is None else imu.tap_detector.site,
        calibrated=imu.calibrated,
        calibrating=hub.auto_calibration.requested,
        calibration_message="" if only_electrodes else hub.auto_calibration.message,
        calibrating_s=round(hub.auto_calibration.searching_s, 1),
        check=_check_status(hub.guided_check, now),
        sensor_notes=hub.guided_check.sensor_notes,
        electrodes=_board_status(hub.electrodes),
        silent=silence_hints(hub),
        unobserved=hub.unobserved,
        output=hub.face.current_source(now),
        from_sensors=list(hub.face.mixer.from_sensors) if mixing else [],
        output_hz=round(outputs.rate(now), 1),
        latency_ms=LatencyStatus(round(outputs.latency_ms(50), 2), round(outputs.latency_ms(99), 2)),
        delay_ms=round(outputs.delay_ms(), 1),
        lookahead_ms=round(hub.lookahead_s * 1000, 1),
        recording=_recording_status(hub.recording, now),
        notes=list(hub.notes),
    )


def _site_statuses(hub: Hub, now: float) -> dict[str, SiteStatus]:
    statuses = {site: SiteStatus("none") for site in hub.layout.sites}
    for stream in hub.streams.values():
        for key, present in zip(stream.keys, stream.presence.tolist()):
            site = hub.imu.sites.site_of(stream.device, key)
            if site in statuses:
                away = now - stream.last_received > AWAY_AFTER_S or present < _MIN_PRESENT
                state = "away" if away else "poor" if present < _WELL_PRESENT else "ok"
                statuses[site] = SiteStatus(state, round(1 - present, 3), f"{stream.device}/{key}")
    return statuses


def _check_status(check: GuidedCheck, now: float) -> CheckStatus:
    return CheckStatus(
        check.step,
        round(max(check.deadline - now, 0.0), 1),
        round(check.progress, 2),
        check.placement_notes,
        check.electrode_notes,
    )


def _board_status(electrodes: BioPipeline) -> BoardStatus | None:
    stream = electrodes.active_stream
    if stream is None:
        return None
    channels = [
        ElectrodeStatus(
            e.channel,
            "none" if not electrodes.receiving else "away" if e.fault else "poor" if e.warning else "ok",
            e.fault or e.warning,
            round(e.rest_uv, 1),
            round(e.mains_uv, 1),
        )
        for e in electrodes.assessments
    ]
    message = stream.problem if electrodes.has_network else NO_NETWORK
    return BoardStatus(stream.device, electrodes.has_network, electrodes.live, message, channels)


def _recording_status(recording: RecordingSession, now: float) -> RecordingStatus | None:
    recorder = recording.recorder
    if recorder is None:
        return None
    return RecordingStatus(
        path=str(recorder.path),
        seconds=round(now - recorder.start_time, 1),
        rows=recorder.rows,
        bytes=recorder.bytes_written,
        dropped=recorder.dropped,
        problem=recorder.problem,
        marks=recording.mark_count,
    )
