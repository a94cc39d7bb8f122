"""Replay of a recorded take through the live pipeline, sample by sample in the order of their times.

It equals what was shown live if the recording begins with the first samples. If it begins later, the state of the
network, of smoothing and of the drift filters starts from the saved calibration and settles within seconds. Samples
count as received when they were taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..arrays import Array
from ..errors import InnerfaceError
from ..face.channels import ARKIT, HEAD_ANGLES, OUTPUT_CHANNELS
from ..face.neutral import Neutral
from ..hybrid.live import LiveRepair
from ..imu.signal import from_track
from ..rates import FRAME_RATE
from ..take import Take, Track, TrackKind
from ..take.choice import choose_track
from ..take.resample import check_pauses
from .frames import BioChunk, CameraChunk, Chunk, FaceFrame, ImuChunk
from .settings import PerformerSettings, TakeOptions
from .take_solver import has_camera, neutral_track

if TYPE_CHECKING:
    from ..face.head_pose import HeadRecentrer
    from ..imu.session import ActiveCalibration, ImuSession
    from .camera import CameraStage
    from .electrodes import BioStage

FRAME_START_KEY, RECENTRE_KEY, LOOKAHEAD_KEY = (
    "frame_start",
    "recentre",
    "lookahead",
)  # meta of IMU tracks: how they were shown
# meta of a camera's track: what the mix of camera and sensors had learned, and the head's zero (rad), as JSON
MIXER_KEY, HEAD_ZERO_KEY = "mixer", "head_zero"
RECENTRE_COLUMN = "recentre"  # of an events track: a row where the head was recentred
RATE_KEY = "rate_hz"  # meta of biosignal tracks: samples per second, as the board says
_TICK_S = 1 / 120
_MAX_ANGLE = 10.0  # rad
_BIO_BATCH_S = 1 / 120
_SAME_TIME_S = 1e-9


class LivePipeline(Protocol):
    """What a take is replayed through."""

    camera: CameraStage
    electrodes: BioStage
    imu: ImuSession | None
    recentrer: HeadRecentrer
    mixer: LiveRepair

    def push(self, chunk: Chunk) -> list[FaceFrame]:
        """The faces that a sample completes."""
        ...

    def advance(self, now: float) -> list[FaceFrame]:
        """The faces that need not wait any longer."""
        ...


@dataclass(frozen=True)
class _Recentring:
    """The head was recentred."""


@dataclass(frozen=True)
class _Event:
    """What happens at a time: a sample, a new neutral, a recentring, or nothing (None).

    `order`: of events at the same time.
    """

    time: float
    order: int
    item: Chunk | Neutral | _Recentring | None


def was_live(take: Take) -> bool:
    """Whether a take is to be replayed: it was recorded from a running pipeline, or a camera is in it."""
    return has_camera(take) or any(FRAME_START_KEY in t.meta for t in take.tracks.values())


def replay(take: Take, pipeline: LivePipeline, performer: PerformerSettings, *, options: TakeOptions) -> Take:
    """The faces that the pipeline shows of a take's samples. Raises InnerfaceError."""
    events = [*_camera_events(take), *_neutral_events(take), *_recentre_events(take)]
    _restore_camera(take, pipeline)
    imu_tracks = [t for t in take.tracks_of(TrackKind.IMU).values() if len(t.time) > 1]
    bio = max(
        (t for t in take.tracks_of(TrackKind.BIOSIGNAL).values() if len(t.time) > 1),
        key=lambda t: len(t.time),
        default=None,
    )
    if imu_tracks:
        events += _start_imus(take, imu_tracks, pipeline, performer=performer, options=options)
    if bio is not None and (performer.electrodes or not (imu_tracks or has_camera(take))):
        from ..bio import network

        pipeline.electrodes.network = network.load(performer.electrodes or None)
        events += _bio_events(bio, [e.time for e in events])
    frames: list[FaceFrame] = []
    events.sort(key=lambda e: (e.time, e.order))
    check_pauses(np.array([e.time for e in events]))
    for event in _with_ticks(events):
        if event.item is None:
            frames += pipeline.advance(event.time)
        elif isinstance(event.item, Neutral):
            pipeline.camera.neutral = event.item
        elif isinstance(event.item, _Recentring):
            pipeline.recentrer.recentre()
            pipeline.camera.recentrer.recentre()
        else:
            frames += pipeline.push(event.item)
    return _to_take(take, frames)


def _with_ticks(events: list[_Event]) -> Iterator[_Event]:
    """The events, with the moments between them in which the pipeline looks for what need not wait any longer."""
    for k, event in enumerate(events):
        if k:
            last = events[k - 1].time
            yield from (_Event(last + (i + 1) * _TICK_S, 0, None) for i in range(int((event.time - last) / _TICK_S)))
        yield event


def _camera_track(take: Take) -> Track | None:
    name = choose_track(take, TrackKind.WEIGHTS)
    return None if name is None else take.tracks[name]


def _camera_events(take: Take) -> list[_Event]:
    track = _camera_track(take)
    if track is None:
        return []
    values, lost = np.nan_to_num(track.select(OUTPUT_CHANNELS)), track.lost_rows()
    return [_Event(t, 1, CameraChunk(t, t, None if lost[k] else values[k])) for k, t in enumerate(track.time.tolist())]


def _restore_camera(take: Take, pipeline: LivePipeline) -> None:
    """Begin with what the mix had learned and where the head's zero was when the recording began."""
    track = _camera_track(take)
    meta = {} if track is None else track.meta
    try:
        if MIXER_KEY in meta:
            pipeline.mixer = LiveRepair.from_json(meta[MIXER_KEY])
        if HEAD_ZERO_KEY in meta:
            zero = np.array(json.loads(meta[HEAD_ZERO_KEY]), dtype=np.float64)
            if zero.shape != (len(HEAD_ANGLES),) or not (np.abs(zero) < _MAX_ANGLE).all():
                raise ValueError
            pipeline.camera.recentrer.zero = zero
    except (ValueError, TypeError, RecursionError):
        raise InnerfaceError(
            f"{take.name}: the state that its camera's recording began with is damaged; restore it from a copy"
        ) from None


def _recentre_events(take: Take) -> list[_Event]:
    tracks = [t for t in take.tracks_of(TrackKind.EVENTS).values() if RECENTRE_COLUMN in t.columns]
    return [_Event(t, 3, _Recentring()) for track in tracks for t in track.time.tolist()]


def _neutral_events(take: Take) -> list[_Event]:
    track = neutral_track(take)
    if track is None:
        return []
    return [_Event(t, 0, Neutral(row)) for t, row in zip(track.time.tolist(), track.select(ARKIT))]


def _bio_events(track: Track, other_times: list[float]) -> list[_Event]:
    """Batches that end at other events, which so see all samples before them, or after `_BIO_BATCH_S`."""
    from ..bio.signal import declared_rate, sample_rate

    check_pauses(track.time)
    rate = declared_rate(track) or sample_rate(track)
    batch_ends = np.arange(track.time[0], track.time[-1] + _BIO_BATCH_S, _BIO_BATCH_S)
    ends = np.searchsorted(track.time, np.concatenate([batch_ends, other_times]) + _SAME_TIME_S, "right")
    bounds = np.unique(np.concatenate([[0], ends, [len(track.time)]]))
    events: list[_Event] = []
    for first, end in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        time = float(track.time[end - 1])
        events.append(_Event(time, 0, BioChunk(time, time, track.columns, rate, track.values[first:end])))
    return events


def _start_imus(
    take: Take, tracks: list[Track], pipeline: LivePipeline, *, performer: PerformerSettings, options: TakeOptions
) -> list[_Event]:
    """Give the pipeline a calibrated session, and the samples of its devices."""
    from ..imu import model as models
    from ..imu.layout import load_layout
    from ..imu.session import ImuSession
    from .performer_files import load_adapter

    layout = load_layout(performer.layout)
    start = _frame_start(tracks)
    session = ImuSession(
        models.load(performer.model, causal=True)[0],
        layout,
        load_adapter(performer.adapter, performer.rest)[0],
        raw=performer.raw,
        smooth=performer.smoothing_by_group(),
        start=start,
        ahead=all(t.meta.get(LOOKAHEAD_KEY) != "no" for t in tracks),
    )
    calibration, head_zero = _calibration(take, tracks, session, options=options)
    session.activate(calibration)
    pipeline.imu = session
    pipeline.recentrer.auto = any(t.meta.get(RECENTRE_KEY) == "yes" for t in tracks)
    pipeline.recentrer.zero = head_zero
    events: list[_Event] = []
    for track in tracks:
        signal = from_track(track)
        columns = [k for k, site in enumerate(signal.sites) if site in layout.sites]
        if not columns:
            continue
        sites = tuple(signal.sites[k] for k in columns)
        device = session.add_device(
            sites, step=float(np.median(np.diff(track.time))), linear=signal.linear, up=signal.up
        )
        events += [
            _Event(t, 2, ImuChunk(device, t, t, signal.rotation[k, columns], signal.acceleration[k, columns]))
            for k, t in enumerate(track.time.tolist())
            if t >= start - _TICK_S
        ]
    return events


def _frame_start(tracks: list[Track]) -> float:
    """Where the frames begin that were shown live: at the first sample, or up to a frame before."""
    first = min(float(t.time[0]) for t in tracks)
    start = min(t.number(FRAME_START_KEY, first) for t in tracks)
    return start + max(np.floor((first - start) * FRAME_RATE), 0.0) / FRAME_RATE


def _calibration(
    take: Take, tracks: list[Track], session: ImuSession, *, options: TakeOptions
) -> tuple[ActiveCalibration, Array]:
    """The calibration that the take was recorded with, or else the one that is found in it; and the head's zero."""
    from ..imu import calibration_state
    from ..imu.adapter import with_rest
    from ..imu.convention import find_convention_fix
    from ..imu.motion import calibrate_frames
    from ..imu.session import ActiveCalibration, CalibratedStream
    from ..imu.signal import merge_tracks

    text = next((t.meta[calibration_state.META_KEY] for t in tracks if calibration_state.META_KEY in t.meta), None)
    try:
        if text is None or options.neutral is not None or options.turn is not None:
            signal = merge_tracks(tracks)
            fix, state = find_convention_fix(signal)[0], None
            calibration = calibrate_frames(
                signal, session.layout, neutral=options.neutral, turn=options.turn, causal=True
            )[0]
        else:
            state = calibration_state.parse(text, take.name)
            fix, calibration = state.convention_fix, state.calibration
    except InnerfaceError as error:
        raise InnerfaceError(str(error) if str(error).startswith(take.name) else f"{take.name}: {error}") from None
    session.adapter = with_rest(session.adapter, None if state is None else state.rest)
    stream = CalibratedStream(
        calibration, session.model, session.adapter, raw=session.raw, smooth=session.smooth, initial_state=state
    )
    return ActiveCalibration(fix, stream, 0, ()), np.zeros(3) if state is None else state.head_zero.copy()


def _to_take(take: Take, frames: list[FaceFrame]) -> Take:
    """Frames as a take, in the order of their times; a face that another source has overtaken is left out."""
    kept: list[FaceFrame] = []
    for frame in frames:
        if not kept or frame.time > kept[-1].time:
            kept.append(frame)
    if not kept:
        raise InnerfaceError(f"{take.name}: no face comes of it; record the take again")
    time = np.array([f.time for f in kept])
    tracks: dict[str, Track] = {
        TrackKind.WEIGHTS: Track(TrackKind.WEIGHTS, time, OUTPUT_CHANNELS, np.stack([f.values for f in kept]))
    }
    confidence = [f.confidence if f.confidence is not None else np.full(len(ARKIT), np.nan) for f in kept]
    if any(f.confidence is not None for f in kept):
        tracks[TrackKind.CONFIDENCE] = Track(TrackKind.CONFIDENCE, time, ARKIT, np.stack(confidence))
    return Take(take.name, tracks, list(take.notes), take.sound)
