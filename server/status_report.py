"""How parts of a hub are doing now, as parts of a `HubStatus`; `Hub.status_report` puts them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from . import registry
from .interfaces import CountsDrops, Diagnosing, Retryable
from .pipelines.bio import NO_NETWORK, BioPipeline
from .specs import SourceGroup
from .status import (
    BoardStatus,
    CheckStatus,
    ComponentStatus,
    ElectrodeStatus,
    Health,
    LatencyStatus,
    RecordingStatus,
    SiteStatus,
)
from .streams import AWAY_AFTER_S, MIN_MESSAGES

if TYPE_CHECKING:
    from ..core.imu.layout import Layout
    from .guided_check import GuidedCheck
    from .interfaces import Sink, Source
    from .outputs import Outputs
    from .recording.recording_session import RecordingSession
    from .sites import SiteAssignments
    from .streams import Stream

_MANY_BRIEF = 8  # devices that said next to nothing, of a source
_MIN_PRESENT, _WELL_PRESENT = 0.2, 0.95  # shares of a site's samples: less counts as away, as poor


def source_statuses(sources: Sequence[Source], streams: Sequence[Stream], now: float) -> list[ComponentStatus]:
    """What sources wait for, and whether samples come from them."""
    statuses: list[ComponentStatus] = []
    for source in sources:
        health = _source_health(source, [s for s in streams if s.source == source.name], now)
        dropped = source.dropped if isinstance(source, CountsDrops) else {}
        statuses.append(ComponentStatus(source.name, source.describe(), health.state, health.problem, dropped=dropped))
    return statuses


def _source_health(source: Source, streams: Sequence[Stream], now: float) -> Health:
    spec = registry.sources().get(source.name)
    known = source.diagnose() if isinstance(source, Diagnosing) else ""
    if spec is not None and spec.group == SourceGroup.COMMANDS:
        return Health("poor", known) if known else Health()  # commands come when somebody gives one
    problem: str = getattr(source, "problem", "") or next((s.fault for s in streams if s.fault), known)
    states = [s.state(now) for s in streams]
    brief = sum(s.counter.received < MIN_MESSAGES for s in streams)
    if brief >= _MANY_BRIEF and not problem:
        problem = (
            f"{brief} devices were heard once or twice: let the sender keep one name instead of a new one each time"
        )
    if all(state == "away" for state in states):
        return Health("away", problem or ("no data any more" if streams else ""))
    unused = [s for s in streams if s.kind == "imu" and s.account.dropped["no_site"] and s.state(now) != "away"]
    if unused and not problem and all(s.session_device is None for s in streams):
        problem = (
            f"no place on the face is known for its sensors ({unused[0].device}/{unused[0].keys[0]}, ...): assign them"
        )
    if problem or any(state != "ok" for state in states):
        return Health("poor", problem or "some of its devices are silent or lose samples")
    return Health()


def sink_statuses(sinks: Sequence[Sink]) -> list[ComponentStatus]:
    """Where faces go, and whether they arrive."""
    statuses: list[ComponentStatus] = []
    for sink in sinks:
        health = sink.health()
        can_retry = isinstance(sink, Retryable) and health.state != "ok"
        statuses.append(ComponentStatus(sink.name, sink.describe(), health.state, health.problem, can_retry))
    return statuses


def site_statuses(
    layout: Layout, streams: Iterable[Stream], sites: SiteAssignments, *, now: float
) -> dict[str, SiteStatus]:
    """The sensor of each site of the layout."""
    statuses = {site: SiteStatus("none") for site in layout.sites}
    for stream in streams:
        for key, present in zip(stream.keys, stream.presence.tolist()):
            site = sites.site_of(stream.device, key)
            if site in statuses:
                away = now - stream.last_received > AWAY_AFTER_S or present < _MIN_PRESENT
                state = "away" if away else "poor" if present < _WELL_PRESENT else "ok"
                if not away or statuses[site].state in ("none", "away"):
                    statuses[site] = SiteStatus(state, round(1 - present, 3), f"{stream.device}/{key}")
    return statuses


def latency_status(outputs: Outputs) -> LatencyStatus:
    """How late faces go out."""
    return LatencyStatus(round(outputs.latency_ms(50), 2), round(outputs.latency_ms(99), 2))


def check_status(check: GuidedCheck, now: float) -> CheckStatus:
    """The guided check."""
    return CheckStatus(
        check.step,
        round(max(check.deadline - now, 0.0), 1),
        round(check.progress, 2),
        check.placement_notes,
        check.electrode_notes,
    )


def board_status(electrodes: BioPipeline) -> BoardStatus | None:
    """The board whose electrodes make the face, if one sends."""
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


def recording_status(recording: RecordingSession, now: float) -> RecordingStatus | None:
    """The current recording."""
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
